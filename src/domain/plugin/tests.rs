//! Plugin output as the guidelines and real plugins write it.

use super::*;

fn perf(text: &str) -> (Vec<(String, f64, Unit)>, usize) {
    let output = PluginOutput::parse(format!("OK|{text}").as_bytes());
    (output.perfdata.into_iter().map(|perf| (perf.label, perf.value, perf.unit)).collect(), output.unreadable)
}

#[test]
fn the_example_of_the_guidelines_is_read_in_its_three_parts() {
    let printed = b"DISK OK - free space: / 3326 MB (56%); | /=2643MB;5948;5958;0;5968\n\
        / 15272 MB (77%);\n\
        /boot 68 MB (69%);\n\
        /home 69357 MB (27%);\n\
        /var/log 819 MB (84%); | /boot=68MB;88;93;0;98\n\
        /home=69357MB;253404;253409;0;253414 \n\
        /var/log=818MB;970;975;0;980\n";
    let output = PluginOutput::parse(printed);
    assert_eq!(output.text, "DISK OK - free space: / 3326 MB (56%);");
    assert_eq!(output.long.len(), 4);
    assert_eq!(output.long[3], "/var/log 819 MB (84%);");
    let labels: Vec<&str> = output.perfdata.iter().map(|perf| perf.label.as_str()).collect();
    assert_eq!(labels, ["/", "/boot", "/home", "/var/log"]);
    assert_eq!((output.perfdata[0].value, output.perfdata[0].unit), (2.643e9, Unit::Bytes));
    assert_eq!(
        output.perfdata[0].warning.and_then(|range| range.limit(Unit::Bytes)),
        Some(Limit::over(5.948e9, Unit::Bytes))
    );
    assert_eq!(output.unreadable, 0);
}

#[test]
fn values_come_in_base_units() {
    let table = [
        ("time=0.5s", "time", 0.5, Unit::Seconds),
        ("time=250ms", "time", 0.25, Unit::Seconds),
        ("time=1e-05s", "time", 1e-5, Unit::Seconds),
        ("rta=12us;1;2", "rta", 0.000_012, Unit::Seconds),
        ("load1=0.310;5.000;10.000;0;", "load1", 0.31, Unit::Count),
        ("used=56%;80;90", "used", 56.0, Unit::Percent),
        ("size=4KiB", "size", 4096.0, Unit::Bytes),
        ("packets=123456c", "packets", 123_456.0, Unit::Count),
        ("t=-3.5", "t", -3.5, Unit::Count),
        ("fan=900rpm", "fan", 900.0, Unit::Count),
        ("'a label'=1", "a label", 1.0, Unit::Count),
        ("'it''s = here'=1", "it's = here", 1.0, Unit::Count),
        ("\x1b[31mred=1", "red", 1.0, Unit::Count),
    ];
    for (text, label, value, unit) in table {
        let (read, unreadable) = perf(text);
        assert_eq!((read.len(), unreadable), (1, 0), "{text}");
        assert_eq!((read[0].0.as_str(), read[0].2), (label, unit), "{text}");
        assert!((read[0].1 - value).abs() < 1e-12, "{text}: {}", read[0].1);
    }
}

#[test]
fn what_makes_no_sense_is_counted_and_the_rest_is_read() {
    let (read, unreadable) = perf("a=1 nonsense b=x c=1,5s =3 d=1e999 'open=4 e=5 a=7 f=U");
    assert_eq!(read, [("a".to_owned(), 1.0, Unit::Count), ("e".to_owned(), 5.0, Unit::Count)]);
    assert_eq!(unreadable, 7, "six without sense and one label twice; unknown values are none of them");
}

#[test]
fn ranges_alert_as_the_table_of_the_guidelines_says() {
    let table: [(&str, &[f64], &[f64]); 6] = [
        ("10", &[-1.0, 11.0], &[0.0, 10.0]),
        ("10:", &[9.9], &[10.0, 1e9]),
        ("~:10", &[10.1], &[-1e9, 10.0]),
        ("10:20", &[9.0, 21.0], &[10.0, 20.0]),
        ("@10:20", &[10.0, 15.0, 20.0], &[9.0, 21.0]),
        ("@10", &[0.0, 10.0], &[-1.0, 11.0]),
    ];
    for (text, alerting, quiet) in table {
        let range = Range::parse(text).expect(text);
        assert!(alerting.iter().all(|value| range.alerts(*value)), "{text}");
        assert!(!quiet.iter().any(|value| range.alerts(*value)), "{text}");
    }
    for text in ["", "@", "20:10", "x", "1:y", "inf", "NaN:", "1:2:3"] {
        assert_eq!(Range::parse(text), None, "{text}");
    }
}

#[test]
fn only_a_range_that_is_one_comparison_becomes_a_limit() {
    let table = [
        ("10", Some("> 10")),
        ("~:10", Some("> 10")),
        ("10:", Some("< 10")),
        ("@10:", Some(">= 10")),
        ("@~:10", Some("<= 10")),
        ("10:20", None),
        ("@10:20", None),
        ("~:", None),
    ];
    for (text, expected) in table {
        let limit = Range::parse(text).and_then(|range| range.limit(Unit::Count)).map(|limit| limit.raw());
        assert_eq!(limit.as_deref(), expected, "{text}");
    }
}

#[test]
fn output_without_words_or_in_no_encoding_is_still_read() {
    assert_eq!(PluginOutput::parse(b""), PluginOutput::default());
    let output = PluginOutput::parse(b"caf\xe9 \x1b[31mDOWN\x1b[0m|\n\n\n");
    assert_eq!((output.text.as_str(), output.long.len()), ("caf\\xe9 DOWN", 0));
    assert_eq!(PluginOutput::parse(b"one\r\ntwo\r\n").long, ["two"]);
}

/// Every single-byte change of real output is read without a panic, and nothing unclean or
/// unbounded comes of it.
#[test]
fn no_mutation_of_real_output_does_harm() {
    let printed = b"PING OK - rta = 0.80 ms|'rta'=0.8ms;100:200;@~:500;0; pl=0%;20;60;;\nlong | x=1e3;~:;10:\ny='z'=U";
    for at in 0..printed.len() {
        for byte in 0..=255_u8 {
            let mut changed = printed.to_vec();
            changed[at] = byte;
            let output = PluginOutput::parse(&changed);
            assert!(output.perfdata.iter().all(|perf| perf.value.is_finite()));
            let texts = output.perfdata.iter().map(|perf| &perf.label).chain(&output.long).chain([&output.text]);
            assert!(texts.into_iter().all(|text| !text.chars().any(char::is_control)));
        }
        PluginOutput::parse(&printed[at..]);
        PluginOutput::parse(&printed[..at]);
    }
}
