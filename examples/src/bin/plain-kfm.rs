//! The command without anything of its own, for the guide `own-kfm.md`.

fn main() -> std::process::ExitCode {
    kfm_cli::main()
}
