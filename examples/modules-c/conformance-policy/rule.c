// What examples/modules/conformance-policy does, in C: it cuts as its setting `do` says.
#include "raddle-guest/guest.h"

enum { NEVER, EACH, COUNT, BYTES, TYPE, CREATOR, ORGANISATION, MEMORY, TRAP, SPIN, UNKNOWN };

static const raddle_string_t words[] = {
    RG_TEXT("never"),   RG_TEXT("each"),         RG_TEXT("count"),  RG_TEXT("bytes"), RG_TEXT("type"),
    RG_TEXT("creator"), RG_TEXT("organisation"), RG_TEXT("memory"), RG_TEXT("trap"),  RG_TEXT("spin"),
};

// An instance lives for one batch, and so do these.
static bool is_read;
static int what;
static uint64_t number = 2;
// Envelopes of this batch, counted here and not by the host; and the first of them.
static uint64_t met;
static rg_envelope_t first;

bool rg_check_settings(raddle_string_t *error) {
    static const char *const known[] = {"do", "number"};
    raddle_string_t word;
    if (!rg_only(known, 2, error) || !rg_required("do", &word, error) || !rg_number("number", &number, error))
        return false;
    what = NEVER;
    while (what < UNKNOWN && !rg_equal(words[what], word)) what++;
    is_read = true;
    if (what == UNKNOWN) *error = RG_TEXT("setting `do` is none that is known: the README tells which there are");
    return what != UNKNOWN;
}

static bool is_same_type(const rg_envelope_t *envelope) {
    if (!first.header_type.is_some || !envelope->header_type.is_some)
        return first.header_type.is_some == envelope->header_type.is_some;
    return first.header_type.val == envelope->header_type.val;
}

static bool is_same_organisation(const rg_envelope_t *envelope) {
    raddle_string_t one, other;
    bool has_one = raddle_rules_creators_msp_id(first.creator, &one);
    bool has_other = raddle_rules_creators_msp_id(envelope->creator, &other);
    bool is_same = has_one == has_other && (!has_one || rg_equal(one, other));
    if (has_one) raddle_string_free(&one);
    if (has_other) raddle_string_free(&other);
    return is_same;
}

bool rg_fits(rg_envelope_t *envelope, rg_pending_t *pending) {
    raddle_rules_channel_batch_limits_t size;
    switch (what) {
    case BYTES:
        raddle_rules_channel_batch_size(&size);
        return pending->bytes + envelope->size <= size.preferred_max_bytes;
    case TYPE:
        return is_same_type(envelope);
    case CREATOR:
        return first.creator == envelope->creator;
    case ORGANISATION:
        return is_same_organisation(envelope);
    default:
        return true;
    }
}

bool rg_add(rg_envelope_t *envelope, rg_pending_t *pending) {
    raddle_string_t error;
    if (!is_read) rg_check_settings(&error);
    if (met == 0) first = *envelope;
    met++;
    switch (what) {
    case EACH:
        return true;
    case COUNT:
        return pending->count + 1 >= number;
    case MEMORY:
        return met >= number;
    case TRAP:
        if (met >= number) __builtin_trap();
        return false;
    case SPIN:
        for (volatile bool spins = met >= number; spins;) {
        }
        return false;
    default:
        return false;
    }
}
