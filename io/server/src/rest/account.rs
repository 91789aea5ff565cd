//! `/v1/user`, `/v1/user/subscription` and `/v1/models`: what a client of an account asks first.

use std::sync::Arc;

use axum::{Json, Router, extract::State, http::HeaderMap, routing::get};
use serde_json::{Value, json};

use super::{conversations::trouble, need_key};
use crate::{
    Problem,
    http::{House, now},
};

pub(super) fn routes() -> Router<Arc<House>> {
    Router::new()
        .route("/v1/user", get(user))
        .route("/v1/user/subscription", get(subscription))
        .route("/v1/models", get(models))
}

type House_ = State<Arc<House>>;

/// The largest whole number every client reads as it is.
const BOUNDLESS: u64 = (1 << 53) - 1;
/// About a month, in seconds: what counts as the current period.
const PERIOD: u64 = 30 * 24 * 3_600;

async fn user(State(house): House_, headers: HeaderMap) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    Ok(Json(json!({
        "user_id": "local",
        "workspace_id": "local",
        "first_name": null,
        "subscription": plan(&house).await?,
        "subscription_extras": null,
        "is_new_user": false,
        "can_use_delayed_payment_methods": false,
        "is_onboarding_completed": true,
        "is_onboarding_checklist_completed": true,
        "is_api_key_hashed": true,
        "xi_api_key": null,
        "xi_api_key_preview": null,
        "created_at": house.started,
        "seat_type": "workspace_admin",
    })))
}

async fn subscription(State(house): House_, headers: HeaderMap) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    Ok(Json(plan(&house).await?))
}

/// There is no plan and no limit; what was spoken is counted all the same.
async fn plan(house: &House) -> Result<Value, Problem> {
    let spoken = match &house.records {
        Some(records) => {
            let since = now().saturating_sub(PERIOD).saturating_mul(1_000_000);
            let since = i64::try_from(since).unwrap_or(i64::MAX);
            records
                .store()
                .conversations()
                .characters(since)
                .await
                .map_err(|e| trouble(&e))?
        }
        None => 0,
    };
    Ok(json!({
        "tier": "self_hosted",
        "status": "active",
        "character_count": spoken,
        "character_limit": BOUNDLESS,
        "max_character_limit_extension": null,
        "max_credit_limit_extension": "unlimited",
        "can_extend_character_limit": false,
        "allowed_to_extend_character_limit": false,
        "next_character_count_reset_unix": null,
        "voice_slots_used": 0,
        "professional_voice_slots_used": 0,
        "professional_voice_slots_used_in_workspace": 0,
        "voice_limit": 0,
        "voice_add_edit_counter": 0,
        "professional_voice_limit": 0,
        "can_extend_voice_limit": false,
        "can_use_instant_voice_cloning": false,
        "can_use_professional_voice_cloning": false,
        "currency": null,
        "current_overage": { "amount": "0", "currency": "usd" },
        "billing_period": null,
        "character_refresh_period": null,
        "next_invoice": null,
        "open_invoices": [],
        "has_open_invoices": false,
    }))
}

async fn models(State(house): House_, headers: HeaderMap) -> Result<Json<Value>, Problem> {
    need_key(&house, &headers)?;
    let models = house.records.as_ref().map(crate::records::Records::models);
    let models = models
        .unwrap_or_default()
        .iter()
        .map(crate::records::Model::to_rest);
    Ok(Json(models.collect()))
}
