//! The job of `own-kfm`, built within the workspace for the test of its guide.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    own_kfm::tile_job()
}
