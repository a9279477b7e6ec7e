//! The shape of an input in a flag's value: `x=1,3,64,64`.

/// Name and extents; the name may have an equals sign.
pub(super) fn parse(text: &str) -> Result<(String, Vec<usize>), String> {
    let extent = |extent: &str| extent.parse().ok().filter(|&extent: &usize| extent > 0);
    let parsed = text.rsplit_once('=').filter(|(name, _)| !name.is_empty());
    let parsed = parsed.and_then(|(name, extents)| Some((name.to_owned(), extents.split(',').map(extent).collect::<Option<_>>()?)));
    parsed.ok_or_else(|| "give NAME=DIMS with extents of 1 or more, such as `x=1,3,64,64`".to_owned())
}

/// What [`parse`] reads.
pub(super) fn text(name: &str, dims: &[usize]) -> String {
    format!("{name}={}", joined(dims, ","))
}

/// The call of the builder's method.
pub(super) fn code(value: &str) -> String {
    match parse(value) {
        Ok((name, dims)) => format!(".input_shapes([({name:?}, [{}])])", joined(&dims, ", ")),
        Err(_) => ".input_shapes(..)".to_owned(),
    }
}

fn joined(dims: &[usize], between: &str) -> String {
    dims.iter().map(usize::to_string).collect::<Vec<_>>().join(between)
}
