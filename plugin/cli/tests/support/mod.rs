//! What tests of training share.

/// 4 sources, 128 templates of two labels that one word tells apart.
pub fn corpus() -> String {
    let mut csv = "source,log_message,target_label\n".to_owned();
    let things = ["disk", "queue", "mail", "cache", "index", "backup", "session", "volume"];
    let places = ["here", "there", "inside", "outside", "above", "below", "before", "behind"];
    for (n, thing) in things.iter().enumerate() {
        for place in places {
            csv += &format!("system{},{thing} {place} failed badly,Error\n", n % 4);
            csv += &format!("system{},{thing} {place} started well,System Notification\n", n % 4);
        }
    }
    csv
}
