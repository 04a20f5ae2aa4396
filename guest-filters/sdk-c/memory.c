// Memory without a C library. Blocks have sizes that are powers of two, and go back to where the next of their size is
// taken from: a batch policy's instance serves hundreds of envelopes. What a block is made of is never given back.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES ((size_t)65536)
#define SMALLEST_BYTES ((size_t)16)
#define CLASSES 24

// What stands before each block.
struct head {
    uint32_t mark;
    uint32_t class;
};

// A block that nobody has.
struct spare {
    struct spare *next;
};

extern unsigned char __heap_base;

static struct spare *spares[CLASSES];
static uintptr_t next_head;

static uint32_t mark_of(const struct head *head) {
    return 0x52616464u ^ (uint32_t)(uintptr_t)head;
}

// The head of a block; none of what is no block, such as a literal.
static struct head *head_of(void *block) {
    uintptr_t address = (uintptr_t)block;
    if (address < (uintptr_t)&__heap_base + sizeof(struct head) || address % sizeof(struct head) != 0) return NULL;
    struct head *head = (struct head *)block - 1;
    return head->mark == mark_of(head) ? head : NULL;
}

// So many bytes that nobody has had.
static void *fresh(size_t size) {
    if (next_head == 0) next_head = ((uintptr_t)&__heap_base + 7) & ~(uintptr_t)7;
    uintptr_t end = (uintptr_t)__builtin_wasm_memory_size(0) * PAGE_BYTES;
    if (size > end - next_head) {
        size_t pages = (size - (end - next_head) + PAGE_BYTES - 1) / PAGE_BYTES;
        if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) return NULL;
    }
    void *taken = (void *)next_head;
    next_head += size;
    return taken;
}

void *malloc(size_t size) {
    uint32_t class = 0;
    while (class < CLASSES && (SMALLEST_BYTES << class) < size) class++;
    if (class == CLASSES) return NULL;
    if (spares[class]) {
        struct spare *spare = spares[class];
        spares[class] = spare->next;
        return spare;
    }
    struct head *head = fresh(sizeof(struct head) + (SMALLEST_BYTES << class));
    if (!head) return NULL;
    head->mark = mark_of(head);
    head->class = class;
    return head + 1;
}

// What is no block stays where it is: an answer may be a literal.
void free(void *block) {
    struct head *head = head_of(block);
    if (!head) return;
    struct spare *spare = block;
    spare->next = spares[head->class];
    spares[head->class] = spare;
}

void *realloc(void *block, size_t size) {
    struct head *head = head_of(block);
    if (!head) return malloc(size);
    size_t has = SMALLEST_BYTES << head->class;
    if (size <= has) return block;
    void *other = malloc(size);
    if (!other) return NULL;
    memcpy(other, block, has);
    free(block);
    return other;
}

_Noreturn void abort(void) {
    __builtin_trap();
}

// The first two are one instruction each.
void *memcpy(void *to, const void *from, size_t size) {
    return __builtin_memcpy(to, from, size);
}

void *memmove(void *to, const void *from, size_t size) {
    return __builtin_memmove(to, from, size);
}

void *memset(void *to, int byte, size_t size) {
    return __builtin_memset(to, byte, size);
}

int memcmp(const void *one, const void *other, size_t size) {
    const uint8_t *a = one, *b = other;
    for (size_t at = 0; at < size; at++) {
        if (a[at] != b[at]) return a[at] < b[at] ? -1 : 1;
    }
    return 0;
}

size_t strlen(const char *text) {
    size_t length = 0;
    while (text[length]) length++;
    return length;
}
