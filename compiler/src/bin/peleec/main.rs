fn main() {
    let model = peleec::ModelFile::read(std::path::Path::new(&std::env::args().nth(1).unwrap())).unwrap();
    let c = peleec::compile(&model, &Default::default()).map_err(|e| println!("{e}")).unwrap();
    c.write(std::path::Path::new("/tmp/gen")).unwrap();
}
