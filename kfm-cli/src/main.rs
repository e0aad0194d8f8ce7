//! The command `kfm`, with the stores and checks of this workspace alone.

fn main() -> std::process::ExitCode {
    kfm_cli::main()
}
