//! What keys can be allowed to do.

/// Objects a scope can be about: PostHog's list, so that keys made for PostHog can be made here.
const SCOPE_OBJECTS: &[&str] = &[
    "access_control",
    "action",
    "activity_log",
    "alert",
    "annotation",
    "batch_export",
    "cohort",
    "customer_profile",
    "dashboard",
    "dashboard_template",
    "dataset",
    "early_access_feature",
    "endpoint",
    "error_tracking",
    "evaluation",
    "event_definition",
    "experiment",
    "experiment_saved_metric",
    "export",
    "external_data_source",
    "feature_flag",
    "group",
    "hog_flow",
    "hog_function",
    "insight",
    "insight_variable",
    "integration",
    "live_debugger",
    "llm_prompt",
    "logs",
    "notebook",
    "organization",
    "organization_integration",
    "organization_member",
    "person",
    "plugin",
    "product_tour",
    "project",
    "property_definition",
    "query",
    "revenue_analytics",
    "session_recording",
    "session_recording_playlist",
    "sharing_configuration",
    "subscription",
    "survey",
    "task",
    "user",
    "warehouse_objects",
    "warehouse_table",
    "warehouse_view",
    "web_analytics",
    "web_experiment",
    "webhook",
];

/// Whether a scope is one: `*`, or an object with `read` or `write`.
pub(crate) fn is_scope(scope: &str) -> bool {
    scope == "*"
        || scope
            .split_once(':')
            .is_some_and(|(object, access)| matches!(access, "read" | "write") && SCOPE_OBJECTS.contains(&object))
}
