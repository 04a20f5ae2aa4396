// What modules in C have beside the contract. `raddle.h` is the contract: wit-bindgen makes it of wit/world.wit, and all
// of it can be called. What is here makes the usual things short: settings, texts, refusals.
#pragma once
#include "raddle.h"

// A literal as a text.
#define RG_TEXT(literal) ((raddle_string_t){(uint8_t *)(literal), sizeof(literal) - 1})

// A text that grows. Begin with `rg_text_t text = {0};`. What it holds is `text.string`.
typedef struct rg_text {
    raddle_string_t string;
    size_t capacity;
} rg_text_t;

void rg_put(rg_text_t *text, raddle_string_t more);
void rg_put_number(rg_text_t *text, int64_t number);
void rg_put_hex(rg_text_t *text, const uint8_t *bytes, size_t size);

bool rg_equal(raddle_string_t one, raddle_string_t other);
// Whether a list such as `a, b,c` has the word.
bool rg_lists(raddle_string_t list, raddle_string_t word);

// === settings ===
//
// Those that answer `bool` put a sentence for whoever installs the module into `error` when they answer false.

// Whether no settings are there but the known ones.
bool rg_only(const char *const *known, size_t count, raddle_string_t *error);
// The value of a setting that has to be there.
bool rg_required(const char *key, raddle_string_t *value, raddle_string_t *error);
// The value of a setting; what `value` was if it is not there.
void rg_optional(const char *key, raddle_string_t *value);
// The same for a whole number.
bool rg_number(const char *key, uint64_t *number, raddle_string_t *error);

// === what a module exports ===

#ifdef EXPORTS_RADDLE_RULES_FILTER_GUEST_REFUSAL_STATUS_BAD_REQUEST

#define rg_check_settings exports_raddle_rules_filter_guest_check_settings
#define rg_check exports_raddle_rules_filter_guest_check
typedef exports_raddle_rules_filter_guest_facts_t rg_facts_t;
typedef exports_raddle_rules_filter_guest_refusal_t rg_refusal_t;
typedef raddle_rules_envelopes_identity_t rg_creator_t;

// Refusals, with what the client is told. All answer false, which is what `rg_check` answers then.
bool rg_bad_request(rg_refusal_t *refusal, raddle_string_t sentence);
bool rg_forbidden(rg_refusal_t *refusal, raddle_string_t sentence);
bool rg_too_large(rg_refusal_t *refusal, raddle_string_t sentence);
// Whether a signature policy is satisfied. If not the refusal says what Fabric says.
bool rg_satisfies(raddle_string_t policy, rg_refusal_t *refusal);

#else

#define rg_check_settings exports_raddle_rules_batch_guest_check_settings
#define rg_fits exports_raddle_rules_batch_guest_fits
#define rg_add exports_raddle_rules_batch_guest_add
typedef exports_raddle_rules_batch_guest_envelope_info_t rg_envelope_t;
typedef exports_raddle_rules_batch_guest_pending_t rg_pending_t;

#endif
