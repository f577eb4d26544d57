// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All knowledge of old opsets in one place: a node of an old opset is rewritten
// into the form of the newest one before its importer sees it.
#pragma once

#include "lib/Import/NodeImport.h"

namespace qopt::import {

void adaptToNewestOpset(NodeImport &node);

} // namespace qopt::import
