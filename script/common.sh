# Shared by the scripts: strict mode, the repository root, functions for messages.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD
JOBS=${JOBS:-$(nproc)}
PRESET=${PRESET:-release}
BUILD=build/$PRESET
# nvcc is often installed outside the path.
if ! command -v nvcc >/dev/null && [ -x /usr/local/cuda/bin/nvcc ]; then
  export PATH=/usr/local/cuda/bin:$PATH
fi
say() { printf '\033[1m==> %s\033[0m\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# Configures once; CMake itself notices what changed afterwards.
configure_anew() { cmake --preset "$PRESET" "$@"; }
configure() { [ -f "$BUILD/build.ninja" ] || configure_anew "$@"; }
build() { cmake --build "$BUILD" --parallel "$JOBS" ${1:+--target "$@"}; }
