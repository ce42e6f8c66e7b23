//! What a struct actor is made of is as visible as the struct; where it is not, the compiler says
//! so.

pub mod shelves {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Wood;

    pub struct Shelf(Wood);

    #[procession::process]
    impl Shelf {
        fn new(wood: Wood) -> Self {
            Shelf(wood)
        }

        fn wood(&self, _: Wood) -> Wood {
            Wood
        }
    }
}

fn main() {}
