fn main() -> Result<(), Box<dyn std::error::Error>> {
    own_kfm::tile_job()
}
