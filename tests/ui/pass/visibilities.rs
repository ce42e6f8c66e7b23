//! A struct actor, its functions and their types are as visible as the user says, in every
//! combination.
#![deny(private_interfaces, private_bounds)]

pub mod combinations {
    /// Public, but for its constructor.
    #[derive(Debug)]
    pub struct Open(String);

    #[procession::process]
    impl Open {
        fn new() -> Self {
            Open(String::new())
        }

        pub(super) fn text(&self) -> String {
            self.0.clone()
        }

        fn look(&self, _: Hidden) -> Hidden {
            Hidden
        }
    }

    /// Private, but for its functions.
    struct Closed;

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Hidden;

    #[procession::process]
    impl Closed {
        pub fn new(_: Hidden) -> Result<Self, String> {
            Ok(Closed)
        }

        pub fn look(&self, _: Hidden) -> Hidden {
            Hidden
        }
    }

    pub(super) fn spawn_open() -> procession::Handle<Open> {
        Open::spawn().unwrap()
    }

    pub(super) fn look() -> Result<(), procession::Error> {
        let _ = Open::spawn()?.look(Hidden)?;
        let _ = Closed::spawn(Hidden)?.look(Hidden)?;
        Ok(())
    }
}

fn main() {
    combinations::look().unwrap();
    let open = combinations::spawn_open();
    assert_eq!(open.text().unwrap(), "");
}
