"""The words of JIL: subcommands, what they define, attributes, job types."""

from __future__ import annotations

#: Subcommands by what they are about; the calendar ones are written by the vendor's autocal_asc.
SUBCOMMANDS: dict[str, tuple[str, str]] = {
    **{f"{verb}_job": (verb, "job") for verb in ("insert", "update", "delete", "override", "rename")},
    "delete_box": ("delete_box", "job"),
    **{
        f"{verb}_{kind}": (verb, kind)
        for kind in (
            "machine",
            "xinst",
            "job_type",
            "monbro",
            "blob",
            "glob",
            "global",
            "resource",
            "connectionprofile",
        )
        for verb in ("insert", "update", "delete")
    },
    **{kind: ("insert", kind) for kind in ("calendar", "extended_calendar", "cycle")},
}
#: What begins a statement: a known subcommand, or what looks like one.
SUBCOMMAND = r"(?:(?:insert|update|delete|override|rename)_[a-z]\w*|calendar|extended_calendar|cycle)"

JOB_TYPES = {"": "CMD", "C": "CMD", "B": "BOX", "F": "FW", "COMMAND": "CMD"}
#: The attributes that hold conditions.
CONDITIONS = ("condition", "box_success", "box_failure")
#: Attributes that start a job by the clock.
SCHEDULE = ("start_times", "start_mins", "run_calendar", "days_of_week", "run_window", "exclude_calendar")
#: What `date_conditions` says when they hold; without it they are not looked at.
YES = ("1", "y", "yes", "true")

#: Attributes that may follow another one on its line. A word that is not here is part of the value.
ATTRIBUTES = frozenset(
    """
    action agent_name alarm_if_fail alarm_if_terminated amount application arguments as400_user auth_string
    auto_delete auto_hold avg_runtime blob_file blob_input box_failure box_name box_success box_terminator chk_files
    class_name command condition connect_string continuous cpu_usage date_conditions days_of_week dbtype description
    destination_file disk_drive elevated endpoint_url envvars exclude_calendar exclude_calendars factor fail_codes
    file_name filter ftp_command ftp_local_name ftp_remote_name ftp_server_name ftp_transfer_direction ftp_user_role
    glob_name group heartbeat_interval holcal holact interactive inside_range invocation_type j2ee_user job_class
    job_load job_name job_terminator job_type jcl_library jcl_member log_file_name lower_boundary machine
    machine_method max_exit_success max_load max_run_alarm max_runs message method_name min_run_alarm
    monitor_condition monitor_mode monitor_type must_complete_times must_start_times n_retrys new_box new_name
    no_change node_name non_workday notification_alarm_types notification_emailaddress
    notification_emailaddress_on_alarm notification_emailaddress_on_failure notification_emailaddress_on_success
    notification_emailaddress_on_terminated notification_id notification_msg notification_template notification_type
    oracle_appl_name oracle_prog_name oracle_req_id oracle_resp oracle_user opsys owner permission port poll_interval
    priority process_name profile provider_url ps_dest_format ps_operator_id ps_process_name ps_process_type
    ps_run_cntrl_id ps_server_name remote_name res_type resources run_calendar run_window sap_abap_name sap_chain_id
    sap_client sap_job_class sap_job_name sap_lang sap_office sap_rfc_dest sap_step_parms scp_local_name
    scp_protocol scp_remote_dir scp_remote_name scp_server_name scp_target_os send_notification
    service_desk service_name shell sp_arg sp_name sql_command start_mins start_times status std_err_file std_in_file
    std_out_file success_codes success_criteria svcdesk_attr svcdesk_desc svcdesk_imp svcdesk_pri svcdesk_sev
    tablename target_file target_namespace term_run_time text_file_filter text_file_mode text_file_name timezone
    trigger_cond trigger_type type ulimit upper_boundary user_role value watch_file watch_file_change_type
    watch_file_min_size watch_file_recursive watch_file_type watch_interval watch_no_change win_event_type
    win_log_name workday wsdl_operation wsdl_url xcrypt_type xkey_to_manager xmachine xmanager xport xtype
    """.split()
)


def shown(text: str, limit: int = 120) -> str:
    """Returns a text that is safe in one line of a terminal: what is not printable is escaped, what is long is cut."""
    text = "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def quoted(text: str, limit: int = 120) -> str:
    """Returns what `shown` returns, in quotes."""
    return f"'{shown(text, limit)}'"
