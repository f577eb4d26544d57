// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Artifact/CodeImage.h"
#include "lib/Support/Errors.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"

using namespace llvm;
using namespace llvm::object;
using namespace qopt::artifact;

static constexpr uint64_t pageSize = 4096;

// What goes wrong here is our own emitters' fault.
static Error internal(const Twine &text) {
  return qopt::makeFailure(qopt::ExitCode::Internal, "code image: " + text);
}

namespace {

// What becomes of an input section.
enum class Fate { Text, Constants, Dropped };

class Linker {
public:
  Error add(ArrayRef<char> object);
  Expected<CodeImage> link();

private:
  struct Section {
    SectionRef ref;
    const ELF64LEObjectFile *object;
    uint64_t offset;
  };
  Expected<Fate> classify(const ELFSectionRef &section) const;
  Error layOut(Fate fate);
  Error defineSymbols();
  Expected<uint64_t> addressOf(const ELFSymbolRef &symbol) const;
  Error relocate(const Section &section);

  std::vector<std::unique_ptr<ELF64LEObjectFile>> objects;
  std::vector<Section> sections;
  // Where an object's section went, keyed by its header.
  DenseMap<uintptr_t, uint64_t> placed;
  StringMap<uint64_t> globals;
  CodeImage image;
};

} // namespace

Error Linker::add(ArrayRef<char> bytes) {
  MemoryBufferRef buffer(StringRef(bytes.data(), bytes.size()), "object");
  auto object = ObjectFile::createELFObjectFile(buffer);
  if (!object)
    return object.takeError();
  auto *elf = dyn_cast<ELF64LEObjectFile>(object->get());
  if (!elf || elf->getArch() != Triple::x86_64 || !elf->isRelocatableObject())
    return internal("expects a relocatable x86-64 ELF object");
  object->release();
  objects.emplace_back(elf);
  return Error::success();
}

Expected<Fate> Linker::classify(const ELFSectionRef &section) const {
  uint64_t flags = section.getFlags();
  if (!(flags & ELF::SHF_ALLOC) || section.getSize() == 0)
    return Fate::Dropped;
  Expected<StringRef> name = section.getName();
  if (!name)
    return name.takeError();
  if (section.getType() == ELF::SHT_NOTE || *name == ".eh_frame" ||
      section.getType() == ELF::SHT_X86_64_UNWIND)
    return Fate::Dropped;
  if (flags & (ELF::SHF_WRITE | ELF::SHF_TLS))
    return internal("section '" + *name +
                    "' holds writable data or absolute addresses; kernels "
                    "must have none");
  if (section.getType() != ELF::SHT_PROGBITS)
    return internal("section '" + *name + "' has an unexpected type");
  return flags & ELF::SHF_EXECINSTR ? Fate::Text : Fate::Constants;
}

// Appends all sections of one fate to the image, in input order.
Error Linker::layOut(Fate fate) {
  for (auto &object : objects)
    for (ELFSectionRef section : object->sections()) {
      Expected<Fate> actual = classify(section);
      if (!actual)
        return actual.takeError();
      if (*actual != fate)
        continue;
      Expected<StringRef> contents = section.getContents();
      if (!contents)
        return contents.takeError();
      uint64_t alignment = section.getAlignment().value();
      if (alignment > pageSize)
        return internal("alignment beyond a page");
      uint64_t offset = alignTo(image.bytes.size(), alignment);
      // int3 between functions, zero between constants.
      image.bytes.resize(offset, fate == Fate::Text ? '\xcc' : '\0');
      image.bytes.append(contents->begin(), contents->end());
      sections.push_back({section, object.get(), offset});
      placed[section.getRawDataRefImpl().p] = offset;
    }
  return Error::success();
}

Expected<uint64_t> Linker::addressOf(const ELFSymbolRef &symbol) const {
  Expected<StringRef> name = symbol.getName();
  if (!name)
    return name.takeError();
  bool local = symbol.getBinding() == ELF::STB_LOCAL;
  if (!local) {
    auto found = globals.find(*name);
    if (found != globals.end())
      return found->second;
    return internal("undefined symbol '" + *name +
                    "': kernel code must not call libraries");
  }
  Expected<section_iterator> section = symbol.getSection();
  if (!section)
    return section.takeError();
  auto found = placed.find((*section)->getRawDataRefImpl().p);
  if (found == placed.end())
    return internal("reference into a dropped section");
  return found->second + symbol.getValue().get();
}

Error Linker::defineSymbols() {
  for (auto &object : objects)
    for (ELFSymbolRef symbol : object->symbols()) {
      Expected<uint32_t> flags = symbol.getFlags();
      if (!flags)
        return flags.takeError();
      if (symbol.getBinding() == ELF::STB_LOCAL ||
          (*flags & SymbolRef::SF_Undefined))
        continue;
      Expected<StringRef> name = symbol.getName();
      Expected<section_iterator> section = symbol.getSection();
      Expected<uint64_t> value = symbol.getValue();
      if (!name || !section || !value)
        return joinErrors(joinErrors(name.takeError(), section.takeError()),
                          value.takeError());
      auto place = placed.find((*section)->getRawDataRefImpl().p);
      if (*section == object->section_end() || place == placed.end())
        return internal("symbol '" + *name + "' is common or absolute");
      uint64_t address = place->second + *value;
      bool inserted = globals.try_emplace(*name, address).second;
      // Of several weak definitions (memcpy of every object) the first wins.
      if (!inserted && symbol.getBinding() != ELF::STB_WEAK)
        return internal("symbol '" + *name + "' is defined twice");
      if (inserted && symbol.getELFType() == ELF::STT_FUNC &&
          (symbol.getOther() & 3) == ELF::STV_DEFAULT)
        image.entries[*name] = address;
    }
  return Error::success();
}

Error Linker::relocate(const Section &section) {
  for (SectionRef relocations : section.object->sections()) {
    Expected<section_iterator> target = relocations.getRelocatedSection();
    if (!target)
      return target.takeError();
    if (*target == section.object->section_end() || **target != section.ref)
      continue;
    for (ELFRelocationRef relocation : relocations.relocations()) {
      symbol_iterator symbol = relocation.getSymbol();
      if (symbol == section.object->symbol_end())
        return internal("relocation without a symbol");
      Expected<uint64_t> address = addressOf(*symbol);
      if (!address)
        return address.takeError();
      Expected<int64_t> addend = relocation.getAddend();
      if (!addend)
        return addend.takeError();
      uint64_t place = section.offset + relocation.getOffset();
      uint64_t type = relocation.getType();
      uint64_t width = type == ELF::R_X86_64_PC64 ? 8 : 4;
      if (relocation.getOffset() > section.ref.getSize() ||
          section.ref.getSize() - relocation.getOffset() < width)
        return internal("relocation beyond its section");
      int64_t value = int64_t(*address + *addend - place);
      char *where = image.bytes.data() + place;
      switch (type) {
      case ELF::R_X86_64_PC32:
      case ELF::R_X86_64_PLT32:
        if (!isInt<32>(value))
          return internal("code image beyond 2 GiB");
        support::endian::write32le(where, uint32_t(value));
        break;
      case ELF::R_X86_64_PC64:
        support::endian::write64le(where, uint64_t(value));
        break;
      default: {
        SmallString<32> name;
        relocation.getTypeName(name);
        return internal("relocation " + name +
                        " needs a loader (a table of addresses, a GOT or "
                        "thread-local storage)");
      }
      }
    }
  }
  return Error::success();
}

Expected<CodeImage> Linker::link() {
  if (Error error = layOut(Fate::Text))
    return error;
  image.textSize = alignTo(image.bytes.size(), pageSize);
  image.bytes.resize(image.textSize, '\xcc');
  if (Error error = layOut(Fate::Constants))
    return error;
  if (Error error = defineSymbols())
    return error;
  for (const Section &section : sections)
    if (Error error = relocate(section))
      return error;
  return std::move(image);
}

Expected<CodeImage>
qopt::artifact::linkCodeImage(ArrayRef<ArrayRef<char>> objects) {
  Linker linker;
  for (ArrayRef<char> object : objects)
    if (Error error = linker.add(object))
      return error;
  return linker.link();
}
