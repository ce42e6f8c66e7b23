//! What the attributes say about mistakes, and the tricky places in which they work.

#[test]
fn a_mistake_is_said_at_the_users_own_token() {
    trybuild::TestCases::new().compile_fail("ui/fail/*.rs");
}

#[test]
fn the_attributes_keep_out_of_the_users_way() {
    trybuild::TestCases::new().pass("ui/pass/*.rs");
}
