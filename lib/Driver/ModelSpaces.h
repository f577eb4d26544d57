// The channel spaces of a model, without compiling it.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_LIB_DRIVER_MODELSPACES_H
#define QOPT_LIB_DRIVER_MODELSPACES_H

#include "lib/Analysis/ChannelSpacesText.h"
#include "lib/Import/Import.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <string>

namespace qopt {

/// Imports and simplifies the ONNX file \p model and prints its channel spaces
/// to \p os.
llvm::Error printModelSpaces(const std::string &model,
                             const import::ImportOptions &options,
                             const ChannelSpacesOptions &spacesOptions,
                             const ChannelSpacesStyle &style,
                             llvm::raw_ostream &os);

} // namespace qopt

#endif
