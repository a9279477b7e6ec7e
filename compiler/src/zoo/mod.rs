//! stub
/// stub
#[derive(Clone, Debug, Default)]
pub struct ZooOptions {}
/// stub
pub fn build(_: &str, _: &ZooOptions) -> Result<Vec<u8>, String> {
    Err("".to_owned())
}
