# EIGENWELL_SANITIZE=address,undefined puts the sanitizers on every target, with any finding fatal.
if(EIGENWELL_SANITIZE)
  add_compile_options(-fsanitize=${EIGENWELL_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${EIGENWELL_SANITIZE})
endif()
