//! See the library of this package: the program is one function there.

fn main() -> std::process::ExitCode {
    strata::main()
}
