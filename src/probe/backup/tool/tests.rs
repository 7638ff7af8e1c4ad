//! What a tool is told and what it may tell: no password in sight, and no nonsense believed.

use super::*;

fn spec(tool: Tool) -> ToolSpec {
    let (repository, stanza) = (Some("/srv/repository".to_owned()), Some("orders".to_owned()));
    ToolSpec { tool, repository, stanza, password: None, matches: None }
}

#[test]
fn a_password_stands_neither_in_the_arguments_nor_in_the_surroundings_of_a_tool() {
    for tool in [Tool::Restic, Tool::Borg] {
        let probe = ToolProbe::new(spec(tool), true, Path::new("/var/lib/rounds"));
        let file = Unnamed::with(b"tweety-4711").expect("a file");
        let mut all = vec![(probe.card.list)(&probe.spec)];
        all.push(match probe.card.weigh {
            Weigh::Each(ask, _) => ask(&probe.spec, "0123abcd"),
            Weigh::Newest(ask, _) => ask(&probe.spec, 11, &probe.cache),
            Weigh::Listed => unreachable!("{tool:?} does not list sizes"),
        });
        for mut invocation in all {
            probe.confide(&mut invocation, Some(&file));
            let told = format!("{invocation:?}");
            assert!(told.contains(&file.path().display().to_string()) && !told.contains("tweety"), "{told}");
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_tool_that_is_not_there_or_tells_nonsense_is_told_with_the_mend() {
    async fn look(list: fn(&ToolSpec) -> Invocation) -> String {
        let card = Card { list, locks: None, ..restic::CARD };
        let mut probe = ToolProbe::new(spec(Tool::Restic), false, Path::new("/nowhere"));
        probe.card = Box::leak(Box::new(card));
        probe.look(Timestamp::UNIX_EPOCH).await.expect_err("no list").to_string()
    }
    let missing = look(|_| Invocation::new(["no-such-restic"])).await;
    assert!(missing.starts_with("`no-such-restic` was not found in "), "{missing}");
    assert!(missing.ends_with("install it, on Debian the package restic"), "{missing}");
    let nonsense = look(|_| Invocation::new(["printf", "[{\"id\":\""])).await;
    assert!(nonsense.starts_with("what restic tells is not understood: "), "{nonsense}");
    let killed = look(|_| Invocation::new(["sh", "-c", "kill -9 $$"])).await;
    assert!(killed.starts_with("restic could not read /srv/repository, ended by signal 9"), "{killed}");
    let silent = look(|_| Invocation::new(["true"])).await;
    assert!(silent.starts_with("what restic tells is not understood: "), "nothing is no empty list: {silent}");
}
