//! The command of `own-kfm`, built within the workspace for the test of its guide.

fn main() -> std::process::ExitCode {
    own_kfm::kfm()
}
