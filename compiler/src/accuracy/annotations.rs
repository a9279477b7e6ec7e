//! Pictures with what is to be seen in them, from files: boxes in peleec's or in COCO's form, or folders named for classes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::Error;

/// The largest file of annotations: those of COCO's training pictures have half of it.
const MAX_BYTES: u64 = 1 << 30;

/// A thing in a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Its class, by the place of its label.
    pub class: usize,
    /// Left, top, right and bottom in pixels of the picture.
    pub corners: [f64; 4],
}

/// A picture whose content is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Annotated {
    /// The picture.
    pub file: PathBuf,
    /// What is in it.
    pub objects: Vec<Object>,
}

/// What is known of the pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Annotations {
    /// Names of the classes.
    pub labels: Vec<String>,
    /// The pictures.
    pub pictures: Vec<Annotated>,
}

/// What a file may hold. peleec's form: boxes as corners, classes by their place in `labels`. COCO's: boxes as left, top, width and height,
/// classes by the numbers of `categories`.
#[derive(Deserialize)]
struct Form {
    labels: Option<Vec<String>>,
    scenes: Option<Vec<Scene>>,
    images: Option<Vec<CocoImage>>,
    annotations: Option<Vec<CocoObject>>,
    categories: Option<Vec<CocoCategory>>,
}

#[derive(Deserialize)]
struct Scene {
    file: PathBuf,
    objects: Vec<SceneObject>,
}

#[derive(Deserialize)]
struct SceneObject {
    class: usize,
    #[serde(rename = "box")]
    corners: [f64; 4],
}

#[derive(Deserialize)]
struct CocoImage {
    id: u64,
    file_name: PathBuf,
}

#[derive(Deserialize)]
struct CocoObject {
    image_id: u64,
    category_id: u64,
    bbox: [f64; 4],
    #[serde(default)]
    iscrowd: u8,
}

#[derive(Deserialize)]
struct CocoCategory {
    id: u64,
    name: String,
}

impl Annotations {
    /// Reads a JSON file of at most 1 GiB, or `annotations.json` of a folder. Pictures are sought beside the file. Of COCO's form objects that
    /// stand for a crowd are left out.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let path = if path.is_dir() { path.join("annotations.json") } else { path.to_owned() };
        let mut text = String::new();
        let read = File::open(&path).and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text));
        let is_whole = read.map_err(|source| Error::io(&path, source))? as u64 <= MAX_BYTES;
        let wrong = |why: String| Error::Data(format!("{} holds no annotations: {why}", path.display()));
        if !is_whole {
            return Err(wrong("it is larger than 1 GiB".to_owned()));
        }
        let form: Form = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let annotations = match (form.labels, form.scenes, form.images, form.annotations, form.categories) {
            (Some(labels), Some(scenes), ..) => of_scenes(labels, scenes),
            (_, _, Some(images), Some(objects), Some(categories)) => of_coco(images, objects, categories),
            _ => Err("neither `labels` and `scenes`, nor COCO's `images`, `annotations` and `categories`".to_owned()),
        };
        annotations.map_err(wrong)?.beside(path.parent().unwrap_or(Path::new("")))
    }

    fn beside(mut self, folder: &Path) -> Result<Self, Error> {
        if self.pictures.is_empty() {
            return Err(Error::Data(format!("the annotations in {} are of no picture", folder.display())));
        }
        for picture in &mut self.pictures {
            picture.file = folder.join(&picture.file);
        }
        Ok(self)
    }

    /// The classes by the places of `labels`, by their names; names that it has not are named.
    pub fn by_labels(mut self, labels: &[String]) -> Result<Self, Error> {
        if labels.is_empty() {
            return Err(Error::Data("the model's description has no `labels`, by which annotations name their classes".to_owned()));
        }
        let place = |name: &String| labels.iter().position(|label| label == name);
        let places: Vec<Option<usize>> = self.labels.iter().map(place).collect();
        let mut unknown = BTreeMap::new();
        for object in self.pictures.iter_mut().flat_map(|picture| &mut picture.objects) {
            match places[object.class] {
                Some(class) => object.class = class,
                None => *unknown.entry(self.labels[object.class].clone()).or_insert(0) += 1,
            }
        }
        if !unknown.is_empty() {
            let names: Vec<_> = unknown.keys().map(|name| format!("`{name}`")).collect();
            return Err(Error::Data(format!("the model has no label {}; its labels are {}", names.join(", "), labels.join(", "))));
        }
        Ok(Annotations { labels: labels.to_vec(), ..self })
    }
}

fn of_scenes(labels: Vec<String>, scenes: Vec<Scene>) -> Result<Annotations, String> {
    let classes = labels.len();
    let object = |SceneObject { class, corners }: SceneObject| match corners {
        _ if class >= classes => Err(format!("class {class} of {classes} labels")),
        [left, top, right, bottom] if left < right && top < bottom => Ok(Object { class, corners }),
        _ => Err(format!("a box without an extent, {corners:?}: left, top, right and bottom")),
    };
    let picture = |Scene { file, objects }: Scene| {
        let objects = objects.into_iter().map(object).collect::<Result<_, _>>()?;
        Ok::<_, String>(Annotated { file, objects })
    };
    let pictures = scenes.into_iter().map(picture).collect::<Result<_, _>>()?;
    Ok(Annotations { labels, pictures })
}

fn of_coco(images: Vec<CocoImage>, objects: Vec<CocoObject>, categories: Vec<CocoCategory>) -> Result<Annotations, String> {
    let classes: BTreeMap<u64, usize> = categories.iter().enumerate().map(|(class, category)| (category.id, class)).collect();
    let places: BTreeMap<u64, usize> = images.iter().enumerate().map(|(place, image)| (image.id, place)).collect();
    let mut pictures: Vec<Annotated> = images.into_iter().map(|image| Annotated { file: image.file_name, objects: Vec::new() }).collect();
    for CocoObject { image_id, category_id, bbox: [left, top, width, height], .. } in
        objects.into_iter().filter(|object| object.iscrowd == 0)
    {
        let class = *classes.get(&category_id).ok_or_else(|| format!("there is no category {category_id}"))?;
        let place = *places.get(&image_id).ok_or_else(|| format!("there is no image {image_id}"))?;
        pictures[place].objects.push(Object { class, corners: [left, top, left + width, top + height] });
    }
    Ok(Annotations { labels: categories.into_iter().map(|category| category.name).collect(), pictures })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Annotations, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("annotations.json");
        std::fs::write(&path, text).expect("it is written");
        let mut annotations = Annotations::read(folder.path()).map_err(|error| error.to_string())?;
        for picture in &mut annotations.pictures {
            picture.file = picture.file.strip_prefix(folder.path()).expect("beside the file").to_owned();
        }
        Ok(annotations)
    }

    #[test]
    fn both_forms_say_the_same() {
        let scenes = read(r#"{"labels": ["cat", "dog"], "scenes": [{"file": "a.png", "objects": [{"class": 1, "box": [1, 2, 4, 8]}]}]}"#);
        let coco = read(
            r#"{"images": [{"id": 7, "file_name": "a.png"}], "categories": [{"id": 3, "name": "cat"}, {"id": 9, "name": "dog"}],
            "annotations": [{"image_id": 7, "category_id": 9, "bbox": [1, 2, 3, 6]},
            {"image_id": 7, "category_id": 3, "bbox": [0, 0, 1, 1], "iscrowd": 1}]}"#,
        );
        assert_eq!(scenes, coco);
        let known = scenes.expect("annotations").by_labels(&["none", "dog", "cat"].map(str::to_owned)).expect("both names are there");
        assert_eq!(known.pictures[0].objects, [Object { class: 1, corners: [1.0, 2.0, 4.0, 8.0] }]);
        let unknown = known.by_labels(&["cat".to_owned()]).expect_err("a label lacks").to_string();
        assert!(unknown.contains("no label `dog`") && unknown.contains("are cat"), "{unknown}");
        assert!(coco.expect("annotations").by_labels(&[]).expect_err("no label at all").to_string().contains("no `labels`"));
    }

    #[test]
    fn what_is_not_there_is_named() {
        for (text, why) in [
            ("{", "EOF"),
            ("{}", "neither `labels`"),
            (r#"{"images": [], "categories": [], "annotations": [{"image_id": 1, "category_id": 2}]}"#, "missing field `bbox`"),
            (r#"{"labels": ["a"], "scenes": [{"file": "x", "objects": [{"class": 0, "box": [3, 0, 1, 1]}]}]}"#, "without an extent"),
            (r#"{"labels": [], "scenes": []}"#, "of no picture"),
            (r#"{"labels": ["a"], "scenes": [{"file": "x", "objects": [{"class": 1, "box": [0, 0, 1, 1]}]}]}"#, "class 1 of 1 labels"),
            (r#"{"images": [], "categories": [], "annotations": [{"image_id": 1, "category_id": 2, "bbox": [0, 0, 1, 1]}]}"#, "category 2"),
        ] {
            let refusal = read(text).expect_err(text);
            assert!(refusal.contains(why), "{text}: {refusal}");
        }
    }
}
