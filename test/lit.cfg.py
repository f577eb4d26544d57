"""lit configuration: RUN lines see qopt-opt, qopt, qrun, FileCheck and not."""
import os
import sys

import lit.formats

config.name = "qopt"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.qopt_build, "test")
config.excludes = ["models", "Inputs"]
for folder in (config.llvm_tools, os.path.join(config.qopt_build, "bin")):
    config.environment["PATH"] = os.pathsep.join([folder, config.environment["PATH"]])
config.substitutions.append(("%models", os.path.join(config.test_source_root, "models")))
config.substitutions.append(("%python", f'"{sys.executable}"'))
# "%exits 3 COMMAND": succeeds where COMMAND ends with exit code 3.
config.substitutions.append(("%exits", " ".join([
    f'"{sys.executable}"', os.path.join(config.test_source_root,
                                        "tools/qrun/Inputs/exits.py")])))
