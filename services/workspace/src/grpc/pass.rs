//! `PassService`.

use chassis::auth::Principal;
use chassis::idempotency::Intent;
use chassis::input::{Input, InvalidInput};
use chassis::paging::Page;
use chassis::rpc::{author, principal, refuse};
use domain::names::{PassName, PassProductName, WorkspaceName};
use pbjson_types::FieldMask;
use proto::workspace::v1 as pb;
use proto::workspace::v1::pass_service_server::PassService;
use tonic::{Request, Response, Status};

use super::{Methods, name, parent, reason, some};
use crate::convert;
use crate::error::Error;
use crate::model::policy::Sight;
use crate::model::{PassProduct, PassProductDetails};
use crate::store::pass::Filter;

#[tonic::async_trait]
impl PassService for Methods {
    async fn create_pass_product(
        &self,
        request: Request<pb::CreatePassProductRequest>,
    ) -> Result<Response<pb::CreatePassProductResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let (WorkspaceName(workspace), _) = parent("parent", &message.parent, &caller)?;
        let new = convert::new_pass_product(workspace, message.pass_product.as_ref()).map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "CreatePassProduct", &message.request_id, &message)
            .map_err(refuse)?;
        let answer = self.app.create_pass_product(workspace, new, &author, intent).await;
        answer.map(Response::new).map_err(refuse)
    }

    async fn get_pass_product(
        &self,
        request: Request<pb::GetPassProductRequest>,
    ) -> Result<Response<pb::GetPassProductResponse>, Status> {
        let caller = principal(&request)?;
        let PassProductName { workspace, id } = name(&request.get_ref().name)?;
        caller.reach(workspace).map_err(refuse)?;
        let pass_product = self.app.get_pass_product(workspace, id).await.map_err(refuse)?;
        Ok(Response::new(pb::GetPassProductResponse { pass_product: Some(pass_product) }))
    }

    async fn list_pass_products(
        &self,
        request: Request<pb::ListPassProductsRequest>,
    ) -> Result<Response<pb::ListPassProductsResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (WorkspaceName(workspace), _) = parent("parent", &message.parent, &caller)?;
        let binding = ["ListPassProducts", &message.parent];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        self.app.list_pass_products(workspace, page).await.map(Response::new).map_err(refuse)
    }

    async fn update_pass_product(
        &self,
        request: Request<pb::UpdatePassProductRequest>,
    ) -> Result<Response<pb::UpdatePassProductResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let mut input = Input::new();
        let values = input.required("pass_product", message.pass_product.clone()).and_then(|product| {
            Some((input.parse::<PassProductName>("pass_product.name", &product.name)?, product))
        });
        let (PassProductName { workspace, id }, product) = input.finish_with(values).map_err(refuse)?;
        caller.manages(workspace).map_err(refuse)?;
        let fields = Fields::read(message.update_mask.as_ref(), &product).map_err(refuse)?;
        let intent = Intent::of(&caller, workspace, "UpdatePassProduct", &message.request_id, &message)
            .map_err(refuse)?;
        let amend = Box::new(move |before: &PassProduct, now| {
            Ok(before.amended(fields.amended(before, &product)?, now))
        });
        let changed = self.app.change_pass_product(workspace, id, amend, &author, intent).await;
        let pass_product = Some(changed.map_err(refuse)?);
        Ok(Response::new(pb::UpdatePassProductResponse { pass_product }))
    }

    async fn disable_pass_product(
        &self,
        request: Request<pb::DisablePassProductRequest>,
    ) -> Result<Response<pb::DisablePassProductResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let PassProductName { workspace, id } = managed_product(&caller, &message.name)?;
        let intent = Intent::of(&caller, workspace, "DisablePassProduct", &message.request_id, &message)
            .map_err(refuse)?;
        let disable = Box::new(|before: &PassProduct, now| Ok(before.switched(true, now)));
        let changed = self.app.change_pass_product(workspace, id, disable, &author, intent).await;
        let pass_product = Some(changed.map_err(refuse)?);
        Ok(Response::new(pb::DisablePassProductResponse { pass_product }))
    }

    async fn enable_pass_product(
        &self,
        request: Request<pb::EnablePassProductRequest>,
    ) -> Result<Response<pb::EnablePassProductResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let PassProductName { workspace, id } = managed_product(&caller, &message.name)?;
        let intent = Intent::of(&caller, workspace, "EnablePassProduct", &message.request_id, &message)
            .map_err(refuse)?;
        let enable = Box::new(|before: &PassProduct, now| Ok(before.switched(false, now)));
        let changed = self.app.change_pass_product(workspace, id, enable, &author, intent).await;
        let pass_product = Some(changed.map_err(refuse)?);
        Ok(Response::new(pb::EnablePassProductResponse { pass_product }))
    }

    async fn issue_pass(
        &self,
        request: Request<pb::IssuePassRequest>,
    ) -> Result<Response<pb::IssuePassResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let (WorkspaceName(workspace), _) = parent("parent", &message.parent, &caller)?;
        let new = convert::new_pass(workspace, &message).map_err(refuse)?;
        let intent =
            Intent::of(&caller, workspace, "IssuePass", &message.request_id, &message).map_err(refuse)?;
        self.app.issue_pass(workspace, new, &author, intent).await.map(Response::new).map_err(refuse)
    }

    async fn get_pass(
        &self,
        request: Request<pb::GetPassRequest>,
    ) -> Result<Response<pb::GetPassResponse>, Status> {
        let caller = principal(&request)?;
        let PassName { workspace, id } = name(&request.get_ref().name)?;
        let sight = Sight::of(&caller, workspace).map_err(refuse)?;
        let pass = self.app.get_pass(workspace, &sight, id).await.map_err(refuse)?;
        Ok(Response::new(pb::GetPassResponse { pass: Some(pass) }))
    }

    async fn list_passes(
        &self,
        request: Request<pb::ListPassesRequest>,
    ) -> Result<Response<pb::ListPassesResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let (WorkspaceName(workspace), _) = parent("parent", &message.parent, &caller)?;
        let sight = Sight::of(&caller, workspace).map_err(refuse)?;
        let mut input = Input::new();
        let filter = Filter {
            managed: None,
            holder: None,
            person: some(&message.person)
                .and_then(|text| convert::person_of(&mut input, "person", text, workspace)),
            product: some(&message.product)
                .and_then(|text| convert::pass_product_of(&mut input, "product", text, workspace)),
        };
        input.finish().map_err(refuse)?;
        let binding = ["ListPasses", &message.parent, &message.person, &message.product];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        self.app.list_passes(workspace, sight, filter, page).await.map(Response::new).map_err(refuse)
    }

    async fn use_pass(
        &self,
        request: Request<pb::UsePassRequest>,
    ) -> Result<Response<pb::UsePassResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let PassName { workspace, id } = name(&message.name)?;
        let sight = Sight::of(&caller, workspace).map_err(refuse)?;
        let mut input = Input::new();
        let day = convert::optional_date(&mut input, "date", &message.date);
        input.finish().map_err(refuse)?;
        let intent =
            Intent::of(&caller, workspace, "UsePass", &message.request_id, &message).map_err(refuse)?;
        self.app.use_pass(workspace, &sight, id, day, intent).await.map(Response::new).map_err(refuse)
    }

    async fn cancel_pass_use(
        &self,
        request: Request<pb::CancelPassUseRequest>,
    ) -> Result<Response<pb::CancelPassUseResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let PassName { workspace, id } = name(&message.name)?;
        let sight = Sight::of(&caller, workspace).map_err(refuse)?;
        let mut input = Input::new();
        let day = input.date("date", &message.date);
        let day = input.finish_with(day).map_err(refuse)?;
        let intent =
            Intent::of(&caller, workspace, "CancelPassUse", &message.request_id, &message).map_err(refuse)?;
        let answer = self.app.cancel_pass_use(workspace, &sight, id, day, intent).await;
        answer.map(Response::new).map_err(refuse)
    }

    async fn cancel_pass(
        &self,
        request: Request<pb::CancelPassRequest>,
    ) -> Result<Response<pb::CancelPassResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let PassName { workspace, id } = name(&message.name)?;
        caller.manages(workspace).map_err(refuse)?;
        let reason = reason(&message.reason)?;
        let intent =
            Intent::of(&caller, workspace, "CancelPass", &message.request_id, &message).map_err(refuse)?;
        let answer = self.app.cancel_pass(workspace, id, reason, &author, intent).await;
        answer.map(Response::new).map_err(refuse)
    }
}

/// The product of a request, whose workspace the caller must manage.
fn managed_product(caller: &Principal, text: &str) -> Result<PassProductName, Status> {
    let product: PassProductName = name(text)?;
    caller.manages(product.workspace).map_err(refuse)?;
    Ok(product)
}

/// What of a product an update changes.
#[derive(Debug, Default)]
struct Fields {
    display_name: bool,
    description: bool,
    terms: bool,
}

impl Fields {
    fn read(mask: Option<&FieldMask>, product: &pb::PassProduct) -> Result<Self, InvalidInput> {
        let paths = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
        if paths.is_empty() {
            return Ok(Self {
                display_name: !product.display_name.is_empty(),
                description: !product.description.is_empty(),
                terms: product.terms.is_some(),
            });
        }
        let mut input = Input::new();
        let mut fields = Self::default();
        for path in paths {
            match path.as_str() {
                "display_name" => fields.display_name = true,
                "description" => fields.description = true,
                "terms" => fields.terms = true,
                other => input.refuse(
                    "update_mask",
                    format_args!("has {other:?}; display_name, description and terms can be updated"),
                ),
            }
        }
        input.finish_with(Some(fields))
    }

    fn amended(&self, before: &PassProduct, wanted: &pb::PassProduct) -> Result<PassProductDetails, Error> {
        let mut merged = convert::pass_product(before);
        if self.display_name {
            merged.display_name.clone_from(&wanted.display_name);
        }
        if self.description {
            merged.description.clone_from(&wanted.description);
        }
        if self.terms {
            merged.terms.clone_from(&wanted.terms);
        }
        let mut input = Input::new();
        let details = input.nested("pass_product", convert::pass_product_details(&merged));
        Ok(input.finish_with(details)?)
    }
}
