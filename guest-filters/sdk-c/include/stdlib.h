// The part of C's library that wit-bindgen's code asks for. There is no other: what a module must not have is not there.
#pragma once
#include <stddef.h>

void *malloc(size_t size);
void *realloc(void *block, size_t size);
void free(void *block);
_Noreturn void abort(void);
