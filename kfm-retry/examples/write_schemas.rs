//! Writes the JSON Schemas of this crate into the repository's `schemas/`.

use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    for file in kfm_retry::schema::schemas() {
        let path = folder.join(file.path);
        fs::create_dir_all(path.parent().expect("a file has a folder"))?;
        let mut text = serde_json::to_string_pretty(&file.schema)?;
        text.push('\n');
        fs::write(path, text)?;
    }
    Ok(())
}
