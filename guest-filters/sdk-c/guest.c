// See guest.h.
#include "guest.h"
#include <stdlib.h>
#include <string.h>

// wit-bindgen's code asks for an object file with the contract in it. `raddle module build` adds the contract itself.
void __component_type_object_force_link_raddle(void) {}

// === texts ===

void rg_put(rg_text_t *text, raddle_string_t more) {
    if (more.len > text->capacity - text->string.len) {
        size_t capacity = (text->string.len + more.len) * 2;
        text->string.ptr = realloc(text->string.ptr, capacity);
        if (!text->string.ptr) abort();
        text->capacity = capacity;
    }
    memcpy(text->string.ptr + text->string.len, more.ptr, more.len);
    text->string.len += more.len;
}

void rg_put_number(rg_text_t *text, int64_t number) {
    uint8_t digits[20];
    size_t at = sizeof(digits);
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
    do {
        digits[--at] = (uint8_t)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0) digits[--at] = '-';
    rg_put(text, (raddle_string_t){digits + at, sizeof(digits) - at});
}

void rg_put_hex(rg_text_t *text, const uint8_t *bytes, size_t size) {
    for (size_t at = 0; at < size; at++) {
        uint8_t pair[2] = {(uint8_t)"0123456789abcdef"[bytes[at] >> 4], (uint8_t)"0123456789abcdef"[bytes[at] & 15]};
        rg_put(text, (raddle_string_t){pair, 2});
    }
}

bool rg_equal(raddle_string_t one, raddle_string_t other) {
    return one.len == other.len && memcmp(one.ptr, other.ptr, one.len) == 0;
}

bool rg_lists(raddle_string_t list, raddle_string_t word) {
    size_t at = 0;
    while (at <= list.len) {
        size_t end = at;
        while (end < list.len && list.ptr[end] != ',') end++;
        size_t from = at, to = end;
        while (from < to && list.ptr[from] == ' ') from++;
        while (from < to && list.ptr[to - 1] == ' ') to--;
        if (rg_equal((raddle_string_t){list.ptr + from, to - from}, word)) return true;
        at = end + 1;
    }
    return false;
}

// === settings ===

static raddle_string_t text_of(const char *text) {
    return (raddle_string_t){(uint8_t *)text, strlen(text)};
}

static void put_quoted(rg_text_t *text, raddle_string_t word) {
    rg_put(text, RG_TEXT("`"));
    rg_put(text, word);
    rg_put(text, RG_TEXT("`"));
}

static bool get(raddle_string_t key, raddle_string_t *value) {
    return raddle_rules_settings_get(&key, value);
}

static size_t less(size_t one, size_t other) {
    return one < other ? one : other;
}

// Edits that make one word of the other: a letter more, less, another, or two in the other order.
static size_t edits(raddle_string_t one, raddle_string_t other) {
    size_t width = other.len + 1;
    size_t *table = malloc((one.len + 1) * width * sizeof(size_t));
    if (!table) abort();
    for (size_t i = 0; i <= one.len; i++) {
        for (size_t j = 0; j <= other.len; j++) {
            size_t *cell = table + i * width + j;
            *cell = i == 0 ? j : j == 0 ? i : SIZE_MAX;
            if (i == 0 || j == 0) continue;
            bool is_same = one.ptr[i - 1] == other.ptr[j - 1];
            *cell = less(cell[-(ptrdiff_t)width - 1] + !is_same, less(cell[-1], cell[-(ptrdiff_t)width]) + 1);
            if (i > 1 && j > 1 && one.ptr[i - 1] == other.ptr[j - 2] && one.ptr[i - 2] == other.ptr[j - 1])
                *cell = less(*cell, cell[-2 * (ptrdiff_t)width - 2] + 1);
        }
    }
    size_t all = table[one.len * width + other.len];
    free(table);
    return all;
}

// A key may be as long as all settings together; nobody meant a known one by it.
#define NEAR_LENGTH_MAX 64

static void unknown(raddle_string_t key, const char *const *known, size_t count, raddle_string_t *error) {
    rg_text_t text = {0};
    rg_put(&text, RG_TEXT("unknown setting "));
    put_quoted(&text, key);
    size_t nearest = count, least = (size_t)-1;
    for (size_t at = 0; at < count && key.len <= NEAR_LENGTH_MAX; at++) {
        size_t distance = edits(key, text_of(known[at]));
        if (distance < least && distance <= (strlen(known[at]) + 2) / 3) {
            nearest = at;
            least = distance;
        }
    }
    if (nearest < count) {
        rg_put(&text, RG_TEXT(": did you mean "));
        put_quoted(&text, text_of(known[nearest]));
        rg_put(&text, RG_TEXT("?"));
    } else {
        rg_put(&text, RG_TEXT(": there are"));
        for (size_t at = 0; at < count; at++) {
            rg_put(&text, at == 0 ? RG_TEXT(" ") : RG_TEXT(", "));
            rg_put(&text, text_of(known[at]));
        }
    }
    *error = text.string;
}

bool rg_only(const char *const *known, size_t count, raddle_string_t *error) {
    raddle_list_string_t keys;
    raddle_rules_settings_keys(&keys);
    for (size_t at = 0; at < keys.len; at++) {
        size_t which = 0;
        while (which < count && !rg_equal(keys.ptr[at], text_of(known[which]))) which++;
        if (which == count) {
            unknown(keys.ptr[at], known, count, error);
            return false;
        }
    }
    raddle_list_string_free(&keys);
    return true;
}

bool rg_required(const char *key, raddle_string_t *value, raddle_string_t *error) {
    if (get(text_of(key), value)) return true;
    rg_text_t text = {0};
    rg_put(&text, RG_TEXT("setting "));
    put_quoted(&text, text_of(key));
    rg_put(&text, RG_TEXT(" is missing"));
    *error = text.string;
    return false;
}

void rg_optional(const char *key, raddle_string_t *value) {
    raddle_string_t found;
    if (get(text_of(key), &found)) *value = found;
}

bool rg_number(const char *key, uint64_t *number, raddle_string_t *error) {
    raddle_string_t value;
    if (!get(text_of(key), &value)) return true;
    uint64_t read = 0;
    bool is_number = value.len > 0;
    for (size_t at = 0; at < value.len && is_number; at++) {
        uint8_t digit = (uint8_t)(value.ptr[at] - '0');
        is_number = digit < 10 && read <= (UINT64_MAX - digit) / 10;
        read = read * 10 + digit;
    }
    if (is_number) {
        *number = read;
        return true;
    }
    rg_text_t text = {0};
    rg_put(&text, RG_TEXT("setting "));
    put_quoted(&text, text_of(key));
    rg_put(&text, RG_TEXT(" is "));
    put_quoted(&text, value);
    rg_put(&text, RG_TEXT(": expected a whole number"));
    *error = text.string;
    return false;
}

// === refusals ===

#ifdef EXPORTS_RADDLE_RULES_FILTER_GUEST_REFUSAL_STATUS_BAD_REQUEST

static bool refuse(rg_refusal_t *refusal, uint8_t status, raddle_string_t sentence) {
    refusal->status = status;
    refusal->reason.tag = EXPORTS_RADDLE_RULES_FILTER_GUEST_REFUSAL_REASON_TEXT;
    refusal->reason.val.text = sentence;
    return false;
}

bool rg_bad_request(rg_refusal_t *refusal, raddle_string_t sentence) {
    return refuse(refusal, EXPORTS_RADDLE_RULES_FILTER_GUEST_REFUSAL_STATUS_BAD_REQUEST, sentence);
}

bool rg_forbidden(rg_refusal_t *refusal, raddle_string_t sentence) {
    return refuse(refusal, EXPORTS_RADDLE_RULES_FILTER_GUEST_REFUSAL_STATUS_FORBIDDEN, sentence);
}

bool rg_too_large(rg_refusal_t *refusal, raddle_string_t sentence) {
    return refuse(refusal, EXPORTS_RADDLE_RULES_FILTER_GUEST_REFUSAL_STATUS_TOO_LARGE, sentence);
}

bool rg_satisfies(raddle_string_t policy, rg_refusal_t *refusal) {
    raddle_rules_envelopes_policy_verdict_t verdict = raddle_rules_envelopes_satisfies(&policy);
    if (verdict == RADDLE_RULES_ENVELOPES_POLICY_VERDICT_SATISFIED) return true;
    if (verdict == RADDLE_RULES_ENVELOPES_POLICY_VERDICT_DENIED) rg_forbidden(refusal, RG_TEXT(""));
    else rg_bad_request(refusal, RG_TEXT(""));
    refusal->reason.tag = EXPORTS_RADDLE_RULES_FILTER_GUEST_REFUSAL_REASON_POLICY_TEXT;
    return false;
}

#endif
