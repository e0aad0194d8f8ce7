fn main() -> std::process::ExitCode {
    own_kfm::kfm()
}
