#!/bin/sh
# Everything about speed and correctness that only a GPU can tell, in one call under nine minutes:
#
#     tools/gpu_check.sh FOLDER
#
# writes small JSON files into FOLDER. It runs from a checkout, with nothing installed but
# torch, timm, numpy, pandas, pydantic and PyYAML. Exit code 1 where a check failed or the time did
# not suffice for it; 2 where there is no GPU.
set -eu
cd "$(dirname "$0")/.."
exec python3 -m tools.gpu_check "${@:?usage: tools/gpu_check.sh FOLDER}"
