// Takes envelopes of the listed organisations only, up to a size.
#include "raddle-guest/guest.h"

struct rule {
    raddle_string_t allow;
    uint64_t max_bytes;
};

// Reads the settings. What is wrong with them is told to whoever installs the module.
static bool read(struct rule *rule, raddle_string_t *error) {
    static const char *const known[] = {"allow", "max-bytes"};
    rule->max_bytes = 100000;
    return rg_only(known, 2, error) && rg_required("allow", &rule->allow, error) &&
           rg_number("max-bytes", &rule->max_bytes, error);
}

bool rg_check_settings(raddle_string_t *error) {
    struct rule rule;
    return read(&rule, error);
}

// Judges one envelope, in an instance of its own: true takes it. The facts cost nothing; the creator is read here.
bool rg_check(rg_facts_t *facts, rg_refusal_t *refusal) {
    struct rule rule;
    raddle_string_t error;
    if (!read(&rule, &error)) return rg_bad_request(refusal, error);
    if (facts->payload_size + facts->signature_size > rule.max_bytes)
        return rg_too_large(refusal, RG_TEXT("larger than this channel takes"));
    rg_creator_t creator;
    if (!raddle_rules_envelopes_creator(&creator, &error)) return rg_bad_request(refusal, error);
    if (rg_lists(rule.allow, creator.msp_id)) return true;
    rg_text_t text = {0};
    rg_put(&text, creator.msp_id);
    rg_put(&text, RG_TEXT(" may not write to this channel"));
    return rg_forbidden(refusal, text.string);
}
