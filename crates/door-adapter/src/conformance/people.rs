//! The provider's user follows its person, and is taken up again.

use super::World;
use super::case::{Case, kinds, settle};
use crate::{Person, Target};

/// What a person is called afterwards, and how they are reached.
fn renamed(person: &Person) -> Person {
    let email = format!("augusta+{}@example.org", person.id);
    let email = Some(email.parse().expect("an address"));
    Person { display_name: "Augusta K.".to_owned(), email, ..person.clone() }
}

/// Whoever has another name and address keeps just their access, told twice or not, at each target.
pub async fn a_person_with_another_name_and_address_keeps_their_access<W: World>() {
    let world = W::new().await;
    let provider = world.provider();
    for kind in kinds() {
        let targets: Option<Vec<Target>> = (0..2).map(|number| world.target(kind, number)).collect();
        let Some(targets) = targets else { continue };
        let person = Case::new(&world, targets[0].clone()).person;
        let mut cases: Vec<Case> =
            targets.into_iter().map(|target| Case::of(&world, person.clone(), target)).collect();
        for case in &mut cases {
            case.ask(&world, Some((1, 2)));
            settle(&world, &provider, case, "before").await;
        }
        for person in [renamed(&person), person] {
            for case in &mut cases {
                case.call(person.clone());
                for _ in 0..2 {
                    case.ask(&world, Some((1, 2)));
                    settle(&world, &provider, case, "as another").await;
                }
            }
            for case in &cases {
                assert_eq!(world.anyones_access(&case.target), Vec::from_iter(case.request.window));
            }
        }
        for case in &mut cases {
            case.ask(&world, None);
            settle(&world, &provider, case, "in the end").await;
            assert_eq!(world.anyones_access(&case.target), []);
        }
    }
    world.finish().await;
}
