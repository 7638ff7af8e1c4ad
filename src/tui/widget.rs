//! The small pieces panes are drawn with.
