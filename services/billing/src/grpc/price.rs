//! `PriceService`.

use std::sync::Arc;

use chassis::input::Input;
use chassis::paging::Page;
use chassis::rpc::{author, principal, refuse};
use domain::names::{CouponName, PriceName, WorkspaceName};
use proto::billing::v1 as pb;
use proto::billing::v1::price_service_server::{PriceService, PriceServiceServer};
use tonic::{Request, Response, Status};

use super::name;
use crate::app::App;
use crate::convert;

struct Methods {
    app: Arc<App>,
}

pub(crate) fn price_service(app: Arc<App>) -> PriceServiceServer<impl PriceService> {
    PriceServiceServer::new(Methods { app })
}

#[tonic::async_trait]
impl PriceService for Methods {
    async fn get_billing_settings(
        &self,
        request: Request<pb::GetBillingSettingsRequest>,
    ) -> Result<Response<pb::GetBillingSettingsResponse>, Status> {
        let caller = principal(&request)?;
        let mut input = Input::new();
        let workspace = convert::read_settings_name(&mut input, "name", &request.get_ref().name);
        let workspace = input.finish_with(workspace).map_err(refuse)?;
        caller.manages(workspace).map_err(refuse)?;
        let settings = Some(self.app.get_billing_settings(workspace).await.map_err(refuse)?);
        Ok(Response::new(pb::GetBillingSettingsResponse { settings }))
    }

    async fn set_billing_settings(
        &self,
        request: Request<pb::SetBillingSettingsRequest>,
    ) -> Result<Response<pb::SetBillingSettingsResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let mut input = Input::new();
        let given = input.required("settings", message.settings.as_ref());
        let workspace =
            given.and_then(|it| convert::read_settings_name(&mut input, "settings.name", &it.name));
        let workspace = input.finish_with(workspace).map_err(refuse)?;
        caller.manages(workspace).map_err(refuse)?;
        let new = convert::new_settings(message.settings.as_ref()).map_err(refuse)?;
        let settings = Some(self.app.set_billing_settings(workspace, new, &author).await.map_err(refuse)?);
        Ok(Response::new(pb::SetBillingSettingsResponse { settings }))
    }

    async fn set_price(
        &self,
        request: Request<pb::SetPriceRequest>,
    ) -> Result<Response<pb::SetPriceResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let WorkspaceName(workspace) = name("parent", &message.parent)?;
        caller.manages(workspace).map_err(refuse)?;
        let new = convert::new_price(workspace, message.price.as_ref()).map_err(refuse)?;
        let price = Some(self.app.set_price(workspace, new, &author).await.map_err(refuse)?);
        Ok(Response::new(pb::SetPriceResponse { price }))
    }

    async fn list_prices(
        &self,
        request: Request<pb::ListPricesRequest>,
    ) -> Result<Response<pb::ListPricesResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let WorkspaceName(workspace) = name("parent", &message.parent)?;
        caller.reach(workspace).map_err(refuse)?;
        let binding = ["ListPrices", &message.parent];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        self.app.list_prices(workspace, page).await.map(Response::new).map_err(refuse)
    }

    async fn remove_price(
        &self,
        request: Request<pb::RemovePriceRequest>,
    ) -> Result<Response<pb::RemovePriceResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let PriceName { workspace, id } = name("name", &request.get_ref().name)?;
        caller.manages(workspace).map_err(refuse)?;
        self.app.remove_price(workspace, id, &author).await.map_err(refuse)?;
        Ok(Response::new(pb::RemovePriceResponse {}))
    }

    async fn create_coupon(
        &self,
        request: Request<pb::CreateCouponRequest>,
    ) -> Result<Response<pb::CreateCouponResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let WorkspaceName(workspace) = name("parent", &message.parent)?;
        caller.manages(workspace).map_err(refuse)?;
        let (code, discount) = convert::new_coupon(message.coupon.as_ref()).map_err(refuse)?;
        let coupon = self.app.create_coupon(workspace, code, discount, &author).await.map_err(refuse)?;
        Ok(Response::new(pb::CreateCouponResponse { coupon: Some(coupon) }))
    }

    async fn list_coupons(
        &self,
        request: Request<pb::ListCouponsRequest>,
    ) -> Result<Response<pb::ListCouponsResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let WorkspaceName(workspace) = name("parent", &message.parent)?;
        caller.manages(workspace).map_err(refuse)?;
        let binding = ["ListCoupons", &message.parent];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        self.app.list_coupons(workspace, page).await.map(Response::new).map_err(refuse)
    }

    async fn disable_coupon(
        &self,
        request: Request<pb::DisableCouponRequest>,
    ) -> Result<Response<pb::DisableCouponResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let CouponName { workspace, id } = name("name", &request.get_ref().name)?;
        caller.manages(workspace).map_err(refuse)?;
        let coupon = self.app.disable_coupon(workspace, id, &author).await.map_err(refuse)?;
        Ok(Response::new(pb::DisableCouponResponse { coupon: Some(coupon) }))
    }
}
