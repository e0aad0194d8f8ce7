//! Writes the committed JSON Schemas of this crate anew, after a change that is meant (R96).

use std::error::Error;
use std::fs;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    for file in kfm_telemetry::schema::schemas() {
        let path = folder.join(file.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, file.text())?;
    }
    Ok(())
}
