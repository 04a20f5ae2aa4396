//! The results of the benchmarks: recorded once, and shown as they are recorded.

#[path = "../bench/table.rs"]
#[allow(dead_code, reason = "the benchmarks need the rest")]
mod table;

#[test]
fn the_table_in_the_results_is_made_from_what_was_recorded() {
    assert!(table::is_shown(), "`cargo xtask bench --record DAY GROUP` writes both");
    for row in table::recorded() {
        assert!(row.on.is_some() && row.noise > 0.0 && row.ours.is_finite(), "{row:?}");
        assert!(row.line().chars().count() <= 120, "{}", row.line());
    }
}
