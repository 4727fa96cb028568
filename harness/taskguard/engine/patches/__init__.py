"""Changes to the libraries that the engine runs on: CPython, botocore, werkzeug, rolo, moto and LocalStack.

One file each. It says first why, then until when it is needed and how to find that out. :data:`IN_ORDER` names them all, and
:func:`apply` makes all of these changes. To try without one, take its name out of the tuple.
"""

from importlib import import_module

IN_ORDER = (
    # Before anything else is imported: what stays is made from here on, and modules keep the functions that tell the time.
    "garbage_collection",
    "scaled_time",
    "werkzeug_routes",
    "rolo_routes",
    "service_routes",
    "botocore_signatures",
    "botocore_user_agent",
    "moto_method_names",
    "moto_expressions",
    "moto_item_size",
    "moto_stream_shards",
    "request_log",
    "function_logs",
    "function_metrics",
    "alarms",
    "log_groups",
    "kept_clients",
    "cloudformation_polling",
    "sqs_fifo_groups",
    "sqs_receive_attempts",
    "sqs_retention",
    "sqs_refusals",
    "sqs_deadlines",
    "sqs_dead_letters",
    # The recorder must not take a redriven message for one that died.
    "sqs_moved_messages",
    "sqs_query_callers",
    "event_source_poller",
    "mapping_refusals",
    "function_refusals",
    "function_concurrency",
    "function_environments",
    "environments_in_use",
    "environment_timers",
    "prewarmed_functions",
    "http_apis",
    "rest_invocations",
    "rest_authorizers",
    "rest_stage_updates",
    "rest_method_responses",
    "function_urls",
    "package_installers",
    "s3_temporary_folder",
    "immediate_exit",
    # Modules that were imported before it keep Python's own.
    "random_uuids",
)


def apply() -> None:
    """Make them, in this process. Before LocalStack's own start, since it keeps some of what they change."""
    for name in IN_ORDER:
        import_module(f"{__name__}.{name}").apply()
