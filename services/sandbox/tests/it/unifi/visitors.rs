//! Points 5, 6, 12 and 13: visitors.

use http::Method;
use sandbox::{Action, Fault, Vendor};
use serde_json::{Value, json};

use super::{World, data, doors, got, visitor};
use crate::harness::at;

async fn status(world: &World, id: &str) -> Value {
    got(&world.client, &format!("/visitors/{id}")).await["status"].clone()
}

#[tokio::test]
async fn a_visitor_is_made_with_a_group_of_their_single_doors() {
    let world = World::start().await;
    let mut body = visitor("10:00", "12:00", doors(&["Room"]));
    body["resources"].as_array_mut().unwrap().push(json!({ "type": "door_group", "id": "ground" }));
    let made = data(&world.client, "/visitors", body).await;
    assert_eq!((&made["status"], &made["pin_code"]), (&json!("UPCOMING"), &Value::Null));
    assert_eq!(made["start_time"], at("10:00").timestamp());
    let names = |visitor: &Value| {
        let resources = visitor["resources"].as_array().unwrap().iter();
        resources.map(|it| it["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let own = format!("visitor-{}", at("08:00").timestamp_millis());
    assert_eq!(names(&made), ["Room", "Ground floor", own.as_str()]);
    world.console().switch(|switches| switches.hides_single_doors = true);
    let read = got(&world.client, &format!("/visitors/{}", made["id"].as_str().unwrap())).await;
    assert_eq!(names(&read), ["Ground floor", own.as_str()]);
}

#[tokio::test]
async fn what_is_not_whole_is_refused_and_changes_nothing() {
    let world = World::start().await;
    for (field, value, code) in [
        ("visit_reason", json!("Intervieww"), "CODE_PARAMS_INVALID"),
        ("visit_reason", Value::Null, "CODE_PARAMS_INVALID"),
        ("first_name", Value::Null, "CODE_PARAMS_INVALID"),
        ("end_time", json!(at("10:00").timestamp()), "CODE_PARAMS_INVALID"),
        ("start_time", json!("soon"), "CODE_PARAMS_INVALID"),
        ("resources", doors(&["Nowhere"]), "CODE_NOT_EXISTS"),
    ] {
        let mut body = visitor("10:00", "12:00", doors(&["Room"]));
        body[field] = value;
        assert_eq!(world.client.post("/visitors", body).await.json()["code"], code, "{field}");
    }
    assert_eq!(got(&world.client, "/visitors").await, json!([]));
    let ana = world.visitor("10:00", "12:00", doors(&["Room"])).await;
    let before = got(&world.client, &format!("/visitors/{ana}")).await;
    let change = json!({ "remarks": "other", "visit_reason": "Fun" });
    let refused = world.client.put(&format!("/visitors/{ana}"), change).await;
    assert_eq!(refused.json()["code"], "CODE_PARAMS_INVALID");
    assert_eq!(got(&world.client, &format!("/visitors/{ana}")).await, before);
}

#[tokio::test]
async fn the_status_follows_the_clock_and_who_came() {
    let world = World::start().await;
    let [ana, bob] = [
        world.visitor("10:00", "12:00", doors(&["Room"])).await,
        world.visitor("10:00", "12:00", doors(&["Room"])).await,
    ];
    let pin = world.pin(&ana).await;
    world.time("10:30");
    assert_eq!(status(&world, &ana).await, "ACTIVE");
    world.console().present_pin("room", &pin);
    assert_eq!(
        (status(&world, &ana).await, status(&world, &bob).await),
        (json!("VISITING"), json!("ACTIVE"))
    );
    world.time("12:00");
    assert_eq!(
        (status(&world, &ana).await, status(&world, &bob).await),
        (json!("VISITED"), json!("NO_VISIT"))
    );
    world.client.put(&format!("/visitors/{ana}"), json!({ "end_time": at("13:00").timestamp() })).await;
    assert_eq!(status(&world, &ana).await, "VISITING");
    world.client.delete(&format!("/visitors/{ana}")).await;
    assert_eq!(status(&world, &ana).await, "CANCELLED");
    let deleted = world.client.delete(&format!("/visitors/{ana}?is_force=true")).await.json();
    assert_eq!((&deleted["code"], &deleted["data"]), (&json!("SUCCESS"), &Value::Null));
    let gone = world.client.get(&format!("/visitors/{ana}")).await;
    assert_eq!(gone.json()["code"], "CODE_NOT_EXISTS");
    let again = world.client.delete(&format!("/visitors/{ana}?is_force=true")).await;
    assert_eq!(again.json()["code"], "CODE_NOT_EXISTS");
}

#[tokio::test]
async fn visitors_are_listed_in_pages_by_status_or_by_the_beginning_of_their_name() {
    let world = World::start().await;
    let later = world.visitor("11:00", "12:00", doors(&["Room"])).await;
    for _ in 0..3 {
        world.visitor("08:00", "12:00", doors(&["Room"])).await;
    }
    let page = world.client.get("/visitors?page_num=2&page_size=3").await.json();
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
    assert_eq!(page["pagination"], json!({ "page_num": 2, "page_size": 3, "total": 4 }));
    let upcoming = got(&world.client, "/visitors?status=1").await;
    assert_eq!((upcoming.as_array().unwrap().len(), &upcoming[0]["id"]), (1, &json!(later)));
    let named = got(&world.client, "/visitors?status=1&keyword=ana").await;
    assert_eq!(named.as_array().unwrap().len(), 4, "a keyword switches the status off");
    assert_eq!(got(&world.client, "/visitors?keyword=grant").await, json!([]), "remarks are not searched");
    let bare = got(&world.client, "/visitors?expand[]=none").await;
    assert!(bare[0].get("resources").is_none() && bare[0].get("pin_code").is_none());
    assert_eq!(world.client.get("/visitors?page_num=0").await.json()["code"], "CODE_PARAMS_INVALID");
    world.console().switch(|switches| switches.has_pagination = false);
    assert!(world.client.get("/visitors").await.json().get("pagination").is_none());
}

#[tokio::test]
async fn an_answer_can_get_lost_after_the_effect() {
    let world = World::start().await;
    let lost = Fault::on(Vendor::Unifi, Action::DropAfterEffect).account("Latchkey").times(1);
    world.running.sandbox.faults().add(lost.clone().request("POST", "/visitors$")).unwrap();
    let body = visitor("10:00", "12:00", doors(&["Room"])).to_string();
    world.client.send(Method::POST, "/visitors", Some(body)).await.unwrap_err();
    let made = got(&world.client, "/visitors").await;
    assert_eq!((made.as_array().unwrap().len(), &made[0]["remarks"]), (1, &json!("grant:1")));

    world.running.sandbox.faults().add(lost.request("PUT", "/pin_codes$")).unwrap();
    let path = format!("/visitors/{}/pin_codes", made[0]["id"].as_str().unwrap());
    let pin = json!({ "pin_code": "01234567" }).to_string();
    world.client.send(Method::PUT, &path, Some(pin)).await.unwrap_err();
    assert!(got(&world.client, "/visitors").await[0]["pin_code"]["token"].is_string());
}
