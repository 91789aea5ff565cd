//! Bounds, on the virtual clock.

use scenario::{Script, run};

/// From the end of the user's speech to the first sound of the answer, in milliseconds.
fn response(settings: &str) -> u128 {
    let script = format!("{settings} | user: tell me the time | agent: It is ten past nine.");
    let outcome = run(Script::read(&script).unwrap());
    outcome.figures.responses[0].as_millis()
}

#[test]
fn speculation_hides_the_llm_and_the_recogniser_behind_the_silence() {
    let with = response("llm delay: 0.05");
    let without = response("llm delay: 0.05 | speculative: off");
    // Words alone leave it open whether they are all: most of this is the wait for the end of the turn.
    assert!(with <= 1_400 && with + 100 <= without, "{with} {without}");
}

#[test]
fn eagerness_shortens_the_response() {
    let [eager, normal, patient] = ["eager", "normal", "patient"]
        .map(|e| response(&format!("speculative: off | eagerness: {e}")));
    assert!(
        eager < normal && normal < patient,
        "{eager} {normal} {patient}"
    );
}

#[test]
fn a_barge_in_silences_a_pausing_edge_within_a_tenth_of_a_second_and_others_within_half() {
    for (edge, bound) in [("edge: pauses, reports", 100), ("edge: reports", 500)] {
        let script = format!(
            "{edge} | 0.0 agent: Your order left this morning and should arrive on Tuesday or on Wednesday. \
             | 1.2 user: stop I mean the other order | agent: I see."
        );
        let outcome = run(Script::read(&script).unwrap());
        let stop = outcome.figures.stops[0].as_millis();
        assert!(stop <= bound, "{edge}: {stop} ms");
    }
}
