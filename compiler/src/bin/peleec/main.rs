fn main() {
    let path = std::env::args().nth(1).unwrap();
    let model = peleec::ModelFile::read(std::path::Path::new(&path)).unwrap();
    let t = std::time::Instant::now();
    let mut o = peleec::Options::default();
    if let Some(t) = std::env::args().nth(2) {
        o.target = t.parse().unwrap();
    }
    let c = peleec::compile(&model, &o).map_err(|e| println!("{e}")).unwrap();
    println!("compile {:?}", t.elapsed());
    let r = c.report();
    println!(
        "{} arena {} bound {} layers {} elided {} macs {}",
        r.name,
        r.arena_bytes / 1024,
        r.live_bound_bytes / 1024,
        r.layers.len(),
        r.moves_elided,
        r.macs
    );
    let mut kinds = std::collections::BTreeMap::new();
    for l in &r.layers {
        *kinds.entry(l.kernel.clone()).or_insert(0) += 1;
    }
    println!("{kinds:?}");
    let dir = std::path::Path::new(&path).parent().unwrap().join("test_data_set_0");
    let mut ins = vec![];
    for i in 0..c.inputs().len() {
        ins.push(peleec::read_tensor(std::fs::read(dir.join(format!("input_{i}.pb"))).unwrap()).unwrap().1);
    }
    let t = std::time::Instant::now();
    let outs = c.execute(&ins).unwrap();
    println!("execute {:?}", t.elapsed());
    for (i, o) in outs.iter().enumerate() {
        let w = peleec::read_tensor(std::fs::read(dir.join(format!("output_{i}.pb"))).unwrap()).unwrap().1;
        let (a, b) = (o.as_f32().unwrap(), w.as_f32().unwrap());
        let worst = a
            .iter()
            .zip(b)
            .map(|(a, b)| (a - b).abs() / (2e-4 + 2e-4 * b.abs()))
            .fold(0.0f32, |m, v| if v.is_nan() { f32::INFINITY } else { m.max(v) });
        println!("output {i} {} worst {worst}", o.shape());
    }
    std::fs::write("/tmp/gen/map.svg", peleec::memory_map(&r)).unwrap();
    c.write(std::path::Path::new("/tmp/gen")).unwrap();
}
