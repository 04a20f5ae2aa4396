// What examples/modules/conformance-filter does, in C: what its setting `do` says.
#include "raddle-guest/guest.h"

typedef bool judge(rg_facts_t *facts, rg_refusal_t *refusal);

static raddle_string_t setting(const char *key) {
    raddle_string_t value = RG_TEXT("");
    rg_optional(key, &value);
    return value;
}

static bool accept(rg_facts_t *facts, rg_refusal_t *refusal) {
    (void)facts, (void)refusal;
    return true;
}

static bool refuse_bad_request(rg_facts_t *facts, rg_refusal_t *refusal) {
    (void)facts;
    return rg_bad_request(refusal, setting("say"));
}

static bool refuse_forbidden(rg_facts_t *facts, rg_refusal_t *refusal) {
    (void)facts;
    return rg_forbidden(refusal, setting("say"));
}

static bool refuse_too_large(rg_facts_t *facts, rg_refusal_t *refusal) {
    (void)facts;
    return rg_too_large(refusal, setting("say"));
}

// === what it is shown ===

static void put_time(rg_text_t *text, int64_t seconds, int32_t nanoseconds) {
    rg_put_number(text, seconds);
    rg_put(text, RG_TEXT("."));
    for (int32_t digit = 100000000; digit > 0; digit /= 10) rg_put_number(text, nanoseconds / digit % 10);
}

static void put_yes(rg_text_t *text, bool is_so, raddle_string_t yes, raddle_string_t no) {
    rg_put(text, is_so ? yes : no);
}

static bool tell_facts(rg_facts_t *facts, rg_refusal_t *refusal) {
    rg_text_t text = {0};
    rg_put(&text, RG_TEXT("type "));
    rg_put_number(&text, facts->header_type);
    rg_put(&text, RG_TEXT("; payload "));
    put_yes(&text, facts->payload_size > 0, RG_TEXT("some"), RG_TEXT("none"));
    rg_put(&text, RG_TEXT("; signature "));
    put_yes(&text, facts->signature_size > 0, RG_TEXT("some"), RG_TEXT("none"));
    rg_put(&text, RG_TEXT("; sent "));
    if (facts->timestamp.is_some) put_time(&text, facts->timestamp.val.seconds, facts->timestamp.val.nanoseconds);
    else rg_put(&text, RG_TEXT("none"));
    rg_put(&text, RG_TEXT("; received "));
    put_time(&text, facts->received.seconds, facts->received.nanoseconds);
    rg_put(&text, RG_TEXT("; expires "));
    put_yes(&text, facts->creator_expires.is_some, RG_TEXT("some day"), RG_TEXT("never"));
    return rg_bad_request(refusal, text.string);
}

static bool tell_header(rg_facts_t *facts, rg_refusal_t *refusal) {
    (void)facts;
    raddle_rules_envelopes_channel_header_t header;
    raddle_string_t error;
    if (!raddle_rules_envelopes_header(&header, &error)) return rg_bad_request(refusal, error);
    rg_text_t text = {0};
    rg_put(&text, RG_TEXT("tx-id "));
    rg_put(&text, header.tx_id);
    rg_put(&text, RG_TEXT("; epoch "));
    rg_put_number(&text, (int64_t)header.epoch);
    rg_put(&text, RG_TEXT("; extension "));
    rg_put_hex(&text, header.extension.ptr, header.extension.len);
    return rg_bad_request(refusal, text.string);
}

static bool tell_creator(rg_facts_t *facts, rg_refusal_t *refusal) {
    (void)facts;
    rg_creator_t creator;
    raddle_string_t error;
    if (!raddle_rules_envelopes_creator(&creator, &error)) return rg_bad_request(refusal, error);
    rg_text_t text = {0};
    rg_put(&text, RG_TEXT("msp "));
    rg_put(&text, creator.msp_id);
    rg_put(&text, RG_TEXT("; units "));
    for (size_t at = 0; at < creator.organisational_units.len; at++) {
        if (at > 0) rg_put(&text, RG_TEXT(", "));
        rg_put(&text, creator.organisational_units.ptr[at]);
    }
    // A certificate's DER is a sequence.
    bool is_der = creator.certificate.len > 0 && creator.certificate.ptr[0] == 0x30;
    rg_put(&text, RG_TEXT("; certificate "));
    put_yes(&text, is_der, RG_TEXT("some"), RG_TEXT("none"));
    return rg_bad_request(refusal, text.string);
}

static bool tell_payload(rg_facts_t *facts, rg_refusal_t *refusal) {
    (void)facts;
    uint64_t offset = 0, size = UINT32_MAX;
    raddle_string_t error;
    if (!rg_number("offset", &offset, &error) || !rg_number("size", &size, &error))
        return rg_bad_request(refusal, error);
    raddle_list_u8_t bytes;
    raddle_rules_envelopes_read_payload(offset, (uint32_t)size, &bytes);
    rg_text_t text = {0};
    rg_put_hex(&text, bytes.ptr, bytes.len);
    return rg_bad_request(refusal, text.string);
}

static bool has(raddle_string_t capability) {
    return raddle_rules_channel_has_orderer_capability(&capability);
}

static bool tell_channel(rg_facts_t *facts, rg_refusal_t *refusal) {
    (void)facts;
    raddle_string_t name;
    raddle_rules_channel_name(&name);
    raddle_rules_channel_batch_limits_t size;
    raddle_rules_channel_batch_size(&size);
    rg_text_t text = {0};
    rg_put(&text, RG_TEXT("channel "));
    rg_put(&text, name);
    rg_put(&text, RG_TEXT("; config sequence "));
    rg_put_number(&text, (int64_t)raddle_rules_channel_config_sequence());
    bool is_normal = raddle_rules_channel_consensus_state() == RADDLE_RULES_CHANNEL_CONSENSUS_MODE_NORMAL;
    put_yes(&text, is_normal, RG_TEXT("; normal; "), RG_TEXT("; maintenance; "));
    rg_put_number(&text, size.max_message_count);
    rg_put(&text, RG_TEXT(" envelopes, "));
    rg_put_number(&text, size.absolute_max_bytes);
    rg_put(&text, RG_TEXT(" bytes at most, "));
    rg_put_number(&text, size.preferred_max_bytes);
    rg_put(&text, RG_TEXT(" preferred; max alone "));
    rg_put_number(&text, raddle_rules_channel_absolute_max_bytes());
    rg_put(&text, RG_TEXT("; V2_0 "));
    put_yes(&text, has(RG_TEXT("V2_0")), RG_TEXT("true"), RG_TEXT("false"));
    rg_put(&text, RG_TEXT("; V9_9 "));
    put_yes(&text, has(RG_TEXT("V9_9")), RG_TEXT("true"), RG_TEXT("false"));
    rg_put(&text, RG_TEXT("; expiration "));
    put_yes(&text, raddle_rules_channel_has_expiration_check(), RG_TEXT("true"), RG_TEXT("false"));
    return rg_bad_request(refusal, text.string);
}

static bool tell_settings(rg_facts_t *facts, rg_refusal_t *refusal) {
    (void)facts;
    raddle_list_string_t keys;
    raddle_rules_settings_keys(&keys);
    rg_text_t text = {0};
    for (size_t at = 0; at < keys.len; at++) {
        raddle_string_t value = RG_TEXT("");
        raddle_rules_settings_get(&keys.ptr[at], &value);
        if (at > 0) rg_put(&text, RG_TEXT(", "));
        rg_put(&text, keys.ptr[at]);
        rg_put(&text, RG_TEXT("="));
        rg_put(&text, value);
    }
    raddle_string_t key = RG_TEXT("missing"), value;
    rg_put(&text, RG_TEXT("; missing "));
    put_yes(&text, raddle_rules_settings_get(&key, &value), RG_TEXT("some"), RG_TEXT("none"));
    return rg_bad_request(refusal, text.string);
}

// === policies, the log, and what breaks ===

static bool ask_policy(rg_facts_t *facts, rg_refusal_t *refusal) {
    (void)facts;
    raddle_string_t policy = RG_TEXT("/Channel/Writers");
    rg_optional("policy", &policy);
    return rg_satisfies(policy, refusal);
}

static bool log_lines(rg_facts_t *facts, rg_refusal_t *refusal) {
    (void)facts, (void)refusal;
    raddle_string_t lines[] = {
        RG_TEXT("a debug line"), RG_TEXT("an info line"), RG_TEXT("a warning"), RG_TEXT("an error"),
    };
    for (uint8_t level = RADDLE_RULES_LOGGING_LEVEL_DEBUG; level <= RADDLE_RULES_LOGGING_LEVEL_ERROR; level++)
        raddle_rules_logging_log(level, &lines[level]);
    return true;
}

static bool trap(rg_facts_t *facts, rg_refusal_t *refusal) {
    (void)facts, (void)refusal;
    __builtin_trap();
}

static bool spin(rg_facts_t *facts, rg_refusal_t *refusal) {
    (void)facts, (void)refusal;
    for (volatile uint32_t turns = 0;; turns++) {
    }
}

static const struct {
    raddle_string_t word;
    judge *judge;
} words[] = {
    {RG_TEXT("accept"), accept},
    {RG_TEXT("refuse-bad-request"), refuse_bad_request},
    {RG_TEXT("refuse-forbidden"), refuse_forbidden},
    {RG_TEXT("refuse-too-large"), refuse_too_large},
    {RG_TEXT("tell-facts"), tell_facts},
    {RG_TEXT("tell-header"), tell_header},
    {RG_TEXT("tell-creator"), tell_creator},
    {RG_TEXT("tell-payload"), tell_payload},
    {RG_TEXT("tell-channel"), tell_channel},
    {RG_TEXT("tell-settings"), tell_settings},
    {RG_TEXT("ask-policy"), ask_policy},
    {RG_TEXT("log"), log_lines},
    {RG_TEXT("trap"), trap},
    {RG_TEXT("spin"), spin},
};

static bool read(judge **found, raddle_string_t *error) {
    static const char *const known[] = {"do", "say", "policy", "offset", "size"};
    raddle_string_t word;
    uint64_t number = 0;
    if (!rg_only(known, 5, error) || !rg_required("do", &word, error) || !rg_number("offset", &number, error) ||
        !rg_number("size", &number, error))
        return false;
    for (size_t at = 0; at < sizeof(words) / sizeof(words[0]); at++) {
        if (rg_equal(words[at].word, word)) {
            *found = words[at].judge;
            return true;
        }
    }
    *error = RG_TEXT("setting `do` is none that is known: the README tells which there are");
    return false;
}

bool rg_check_settings(raddle_string_t *error) {
    judge *found;
    return read(&found, error);
}

bool rg_check(rg_facts_t *facts, rg_refusal_t *refusal) {
    judge *found;
    raddle_string_t error;
    return read(&found, &error) ? found(facts, refusal) : rg_bad_request(refusal, error);
}
