//! Flags of the command line that a help line names, as they are typed in a shell.

use crate::diagnostics::clean::is_hidden;

/// The flag with a name and what follows it, such as `--input-dim batch=N`; `None` for names that cannot be typed.
pub(crate) fn typed(flag: &str, name: &str, rest: &str) -> Option<String> {
    if name.is_empty() || name.chars().any(is_hidden) || name.len() > 100 {
        return None;
    }
    let plain = !name.starts_with('-') && name.chars().all(|c| c.is_ascii_alphanumeric() || "._/:+-".contains(c));
    Some(if plain { format!("--{flag} {name}{rest}") } else { format!("--{flag}='{}{rest}'", name.replace('\'', "'\\''")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_a_shell_would_read_them_otherwise() {
        assert_eq!(typed("output", "/fpn/Relu_output_0", "").as_deref(), Some("--output /fpn/Relu_output_0"));
        assert_eq!(typed("input-dim", "it's", "=N").as_deref(), Some("--input-dim='it'\\''s=N'"));
        assert_eq!(typed("output", "-x", "").as_deref(), Some("--output='-x'"));
        assert_eq!((typed("output", "a\u{202e}", ""), typed("output", "", "")), (None, None));
    }
}
