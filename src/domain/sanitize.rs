//! Foreign text made harmless: nothing from outside may carry an escape to the terminal.

/// One line of foreign text, safe to show.
pub fn line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// Foreign bytes as one safe line.
pub fn bytes(bytes: &[u8]) -> String {
    line(&String::from_utf8_lossy(bytes))
}
