# Writes OUTPUT, a C++ file that holds the SHA-256 of INPUT (the FileDescriptorSet of proto/perpwire/v1).
file(SHA256 ${INPUT} hash)
file(WRITE ${OUTPUT}
  "#include <string_view>\n\nnamespace perpwire {\nstd::string_view contract_hash();\n"
  "std::string_view contract_hash() { return \"${hash}\"; }\n}  // namespace perpwire\n")
