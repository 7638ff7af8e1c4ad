//! Bytes in, bytes out: what is held and let go is what it was.

use super::*;

fn mark() -> Mark {
    let until = "2026-03-02T16:00:00Z".parse().expect("test time");
    Mark { hold: Hold::Frozen, until: Some(until), job: "01b2".to_owned() }
}

/// Every line that runs, as the reader of crontabs counts them.
fn lines(text: &[u8]) -> Vec<TabLine> {
    let mut seen = Seen::default();
    let numbered = text.split(|byte| *byte == b'\n').map(|line| (line, seen.count(line))).enumerate();
    let runs =
        |line: &[u8]| parse(line).is_none() && line.iter().find(|b| !b" \t\r".contains(b)).is_some_and(|b| *b != b'#');
    numbered
        .filter(|(_, (line, _))| runs(line))
        .map(|(at, (line, nth))| TabLine { task: format!("t{at}"), bytes: line.to_vec(), nth })
        .collect()
}

#[test]
fn a_held_line_is_a_comment_that_says_until_when_and_who() {
    let text = b"# mine\n0 2 * * * /srv/backup.sh\n";
    let held = hold(text, &lines(text), &mark()).expect("held");
    let expected = "# mine\n#held-by-rounds frozen 2026-03-02T16:00:00+00:00 01b2 | 0 2 * * * /srv/backup.sh\n";
    assert_eq!(String::from_utf8_lossy(&held), expected);
    let (found, inner) = parse(held.split(|b| *b == b'\n').nth(1).expect("line")).expect("a mark");
    assert_eq!((found, inner), (mark(), &b"0 2 * * * /srv/backup.sh"[..]));
    let disabled = Mark { hold: Hold::Disabled, until: None, job: "01b3".into() };
    let held = hold(text, &lines(text), &disabled).expect("held");
    assert!(held.windows(19).any(|part| part == b"disabled - 01b3 | 0"), "{}", String::from_utf8_lossy(&held));
}

#[test]
fn whatever_stands_in_a_crontab_is_the_same_to_the_byte_afterwards() {
    let table: [&[u8]; 12] = [
        b"0 2 * * * /srv/a\n",
        b"0 2 * * * /srv/a\r\n0 3 * * * /srv/b\r\n",
        b"0 2 * * * /srv/a",
        b"0 2 * * * /srv/a\n\n\n",
        b"",
        b"\n",
        b"0 2 * * * caf\xe9 \xff\xfe\x00\n",
        b"\xef\xbb\xbf0 2 * * * /srv/bom\n",
        b"  \t0 2 * * * /srv/indented\t \n",
        b"#0 2 * * * /srv/commented by hand\n# and a word\nMAILTO=ann\n0 2 * * * /a\n",
        b"0 2 * * * echo '#held-by-rounds frozen 2026-03-02T16:00:00Z x | 0 2 * * * /b'\n",
        b"0 2 * * * /same\n0 2 * * * /same\n0 2 * * * /same\n",
    ];
    for text in table {
        let lines = lines(text);
        let held = hold(text, &lines, &mark()).expect("held");
        assert_eq!(held != text, !lines.is_empty(), "{}", String::from_utf8_lossy(text));
        assert!(self::lines(&held).is_empty(), "nothing runs: {}", String::from_utf8_lossy(&held));
        let back = release(&held, &lines, Hold::Frozen);
        assert_eq!(back.text, text, "{}", String::from_utf8_lossy(text));
        assert_eq!((back.restored, back.free.len(), back.gone.len()), (lines.len(), 0, 0));
    }
}

#[test]
fn one_of_several_equal_lines_is_held_alone() {
    let text = b"0 2 * * * /same\n0 2 * * * /same\n0 2 * * * /same\n";
    let second = &lines(text)[1..2];
    let held = hold(text, second, &mark()).expect("held");
    let marked: Vec<bool> = held.split(|b| *b == b'\n').map(|line| parse(line).is_some()).collect();
    assert_eq!(marked, [false, true, false, false]);
    assert_eq!(release(&held, second, Hold::Frozen).text, text);
}

#[test]
fn a_line_that_somebody_changed_meanwhile_is_not_held_and_nor_is_any_other() {
    let text = b"0 2 * * * /a\n0 3 * * * /b\n";
    let planned = lines(text);
    let changed = b"0 2 * * * /a\n0 4 * * * /b\n";
    let why = hold(changed, &planned, &mark()).expect_err("changed");
    assert_eq!(why, "1 of its lines were changed by somebody meanwhile, or are held already");
    let held = hold(text, &planned, &mark()).expect("held");
    assert!(hold(&held, &planned, &mark()).is_err(), "never twice");
}

#[test]
fn letting_go_touches_marked_lines_alone_and_says_what_it_found() {
    let text = b"0 2 * * * /a\n0 3 * * * /b\n0 4 * * * /c\n";
    let planned = lines(text);
    let held = String::from_utf8(hold(text, &planned, &mark()).expect("held")).expect("text");
    // Somebody restored the first by hand, took the second out, and wrote a fourth.
    let rows: Vec<&str> = held.lines().collect();
    let meanwhile = format!("0 2 * * * /a\n{}\n0 5 * * * /d\n", rows[2]);
    let back = release(meanwhile.as_bytes(), &planned, Hold::Frozen);
    assert_eq!(String::from_utf8_lossy(&back.text), "0 2 * * * /a\n0 4 * * * /c\n0 5 * * * /d\n");
    assert_eq!((back.restored, back.free, back.gone), (1, vec!["t0".to_owned()], vec!["t1".to_owned()]));
}

#[test]
fn a_thaw_leaves_what_is_disabled() {
    let text = b"0 2 * * * /a\n";
    let disabled = Mark { hold: Hold::Disabled, until: None, job: "j".into() };
    let held = hold(text, &lines(text), &disabled).expect("held");
    let back = release(&held, &lines(text), Hold::Frozen);
    assert_eq!((back.text, back.restored), (held.clone(), 0));
    assert_eq!(release(&held, &lines(text), Hold::Disabled).text, text);
}

#[test]
fn what_only_looks_like_a_mark_is_none() {
    let table: [&[u8]; 6] = [
        b"#held-by-rounds frozen 2026-03-02T16:00:00Z j 0 2 * * * /a",
        b"#held-by-rounds thawed - j | 0 2 * * * /a",
        b"#held-by-rounds frozen soon j | 0 2 * * * /a",
        b"#held-by-rounds frozen - j | # a comment",
        b"#held-by-rounds frozen - j | ",
        b" #held-by-rounds frozen - j | 0 2 * * * /a",
    ];
    for line in table {
        assert_eq!(parse(line), None, "{}", String::from_utf8_lossy(line));
    }
}

#[test]
fn any_bytes_are_the_same_after_they_were_held_and_let_go() {
    let pieces: [&[u8]; 16] = [
        b"0 2 * * * /srv/a",
        b" ",
        b"\t",
        b"\n",
        b"\r\n",
        b"#",
        b"\n",
        b"#held-by-rounds ",
        b"frozen - j",
        b" | ",
        b"disabled - j",
        b"\xff\xfe",
        b"\x00",
        b"@daily x",
        b"A=b",
        b"0 2 * * * /srv/a\n",
    ];
    let mut seed = 20_261_121_u64;
    let mut next = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    let mut held_any = 0;
    for _ in 0..5000 {
        let text: Vec<u8> = (0..next() % 30).flat_map(|_| pieces[next() % pieces.len()].to_vec()).collect();
        let some: Vec<TabLine> = lines(&text).into_iter().filter(|_| next() % 3 > 0).collect();
        let held = hold(&text, &some, &mark()).expect("held");
        let back = release(&held, &some, Hold::Frozen);
        assert_eq!(back.text, text, "{}", String::from_utf8_lossy(&text));
        assert_eq!(back.restored, some.len(), "{}", String::from_utf8_lossy(&text));
        held_any += some.len();
    }
    assert!(held_any > 1000, "{held_any} lines were held");
}
