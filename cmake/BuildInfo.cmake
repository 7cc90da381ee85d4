cmake_minimum_required(VERSION 3.25)
# Run at every build: writes OUTPUT with the commit that is being built, and touches it only when
# that has changed.
execute_process(COMMAND git -C ${SOURCE_DIR} describe --always --dirty --abbrev=40 --exclude=*
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT
  "namespace clipk::study {\nextern const char* const kCommit = \"${commit}\";\n}\n" @ONLY)
