"""Every maximum: its unit, what happens when it is reached, and how the maxima relate.

The test that reaches a limit is named in its comment.
"""

# --- one commit (bytes; over it `LimitExceeded` is raised and nothing is written) ---
STATE_BYTES_MAX = 64 * 1024  # test_a_body_over_its_limit_is_refused
PROFILE_BYTES_MAX = 32 * 1024  # test_a_body_over_its_limit_is_refused
ENTRY_BYTES_MAX = 512 * 1024  # test_a_body_over_its_limit_is_refused
MESSAGE_BYTES_MAX = 64 * 1024  # test_a_body_over_its_limit_is_refused

# --- what is kept ---
# Messages a session keeps for resume; the oldest leave, `history` then says recovered: false.
# test_the_oldest_messages_leave
MESSAGES_KEPT_MAX = 256
# How long a foreign event id, an idempotent answer and an unused alias are kept, in milliseconds.
# test_sweep_forgets_old_ids
SEEN_KEPT_MS = 24 * 3_600_000
IDEMPOTENCY_KEPT_MS = 24 * 3_600_000
ALIAS_KEPT_MS = 48 * 3_600_000
# Bytes of journal that `memory:` keeps; the oldest entries leave.
# test_the_memory_journal_forgets_its_oldest_entries
MEMORY_JOURNAL_BYTES_MAX = 128 * 1024 * 1024

# --- reading (rows; more is asked for with a cursor or `after`) ---
HISTORY_ROWS_MAX = 256  # test_history_is_oldest_first_and_read_in_pages
JOURNAL_ROWS_MAX = 1_000  # test_the_journal_is_gapless_and_read_in_pages
DECISIONS_ROWS_MAX = 500  # test_decisions_are_listed_newest_first_in_pages
CLAIM_ROWS_MAX = 1_024  # test_a_claim_is_limited_and_takes_the_earliest_first

# --- the embedded stores ---
# Operations that wait for the SQLite thread; over it `StoreUnavailable("none")`.
# test_a_full_queue_refuses_and_recovers
STORE_QUEUE_LEN_MAX = 4_096
# Milliseconds after which a waiting operation is answered `StoreUnavailable("unknown")`.
# test_a_hung_disk_is_reported_as_unknown
STORE_DEADLINE_MS = 2_000
# Operations in one transaction; more wait for the next. test_more_commits_than_a_batch_are_all_kept
BATCH_LEN_MAX = 64
# Rows that one statement of such a transaction writes; each is 18 of the 32,766 values that SQLite takes.
# test_rows_beyond_one_statement_are_written_with_the_next
BATCH_ROWS_MAX = 256
# Sessions whose head stays in memory; over it the longest untouched are read from the file again.
# test_an_evicted_session_is_read_from_the_file
HEADS_LEN_MAX = 1_000_000
# Hints that wait for one worker; over it they are replaced by one `Lost`.
# test_a_slow_listener_is_told_that_hints_were_lost
HINTS_LEN_MAX = 4_096
# Bytes of what a worker whispers to the sockets of a session at others; a longer one is dropped.
# test_a_whisper_that_is_too_long_is_dropped
WHISPER_BYTES_MAX = 32 * 1024
# Hints that wait for one worker beyond which a further whisper is dropped: it must not push hints out.
# test_whispers_push_no_hints_out
WHISPERS_BEHIND_MAX = 256
# WAL bytes at which it is copied into the file in passing, and at which the next batch waits for it.
# test_the_wal_stays_within_its_limit
WAL_PASSIVE_BYTES_MAX = 16 * 1024 * 1024
WAL_BYTES_MAX = 64 * 1024 * 1024
# Milliseconds after which a changed session's newest row is noted in the file; bounds recovery.
# test_a_start_reads_only_the_tail_after_the_last_checkpoint
TIP_AGE_MS_MAX = 60_000
# Bytes that must stay free on the disk; below it writes are refused, reads go on.
# test_a_nearly_full_disk_refuses_writes_and_answers_reads
DISK_FREE_BYTES_MIN = 256 * 1024 * 1024

# --- one session, its events and its visitor ---
# A later event is put in its place; beyond this it only sets attributes and counts (LANGUAGE.md 10).
# test_an_event_up_to_ten_seconds_late_ends_in_the_state_it_would_have_made_in_time
LATE_MS_MAX = 10_000
# An older event is stored as this old: it counts, and wakes nothing.
# test_future_times_become_now_and_ancient_ones_a_day_old
EVENT_AGE_MS_MAX = 86_400_000
# A session ends after this long without events.
# test_one_session_id_is_one_session_until_it_ends
SESSION_IDLE_MS = 1_800_000
# A wake-up for a session's end that is further away than this stays where it is, and comes early.
# test_the_wake_up_for_a_session_s_end_is_seldom_moved
END_WAKE_SLACK_MS = 900_000
# A session ends this long after its start.
# test_a_session_ends_after_a_day_however_busy
SESSION_MS_MAX = 86_400_000
# Events beyond are kept in the journal and no longer evaluated.
# test_events_beyond_the_limit_are_no_longer_evaluated
SESSION_EVENTS_MAX = 20_000
# Another tab takes the place of the hidden one, else the tab, heard of longest ago.
# test_the_number_of_tabs_is_bounded_and_the_visible_one_stays
TABS_MAX = 16
# A tab that sent a heartbeat counts as hidden this long after its latest event.
# test_a_tab_with_heartbeats_falls_silent_after_twenty_seconds
TAB_SILENCE_MS = 20_000
# A tab counts as hidden this long after its socket ended, unless the socket is back.
# test_a_closed_socket_hides_its_tab_after_the_grace
TAB_CLOSE_GRACE_MS = 25_000
# A longer address is cut.
# test_long_addresses_titles_and_values_are_cut
URL_CHARS_MAX = 2_048
# Attributes of a session; further names are dropped and counted as rejected values.
# test_attributes_are_bounded_in_number_and_in_sum
ATTRIBUTES_MAX = 500
# Messages of a session; beyond, proactive messages stay silent and chat is refused at the edge.
# test_a_session_with_too_many_messages_is_not_approached
MESSAGES_MAX = 2_000
# (rule, gates) pairs recorded as suppressed in one session; further ones are not recorded.
# test_suppressions_are_recorded_up_to_the_limit
SUPPRESSED_MAX = 64
# Proactive messages remembered in a profile for rolling caps; the oldest leave.
# test_a_profile_forgets_its_oldest_grants_and_sessions
GRANTS_MAX = 200
# Sessions listed in a profile; the oldest leave the list.
# test_a_profile_forgets_its_oldest_grants_and_sessions
PROFILE_SESSIONS_MAX = 50
# A longer attribute value is cut.
# test_long_addresses_titles_and_values_are_cut
VALUE_CHARS_MAX = 500
# Chat messages kept in the state; older ones are in the store only.
# test_answerable_chat_messages_are_bounded
SESSION_MESSAGES_KEPT = 20
# Page loads in the duplicate filter; ids of older ones count as new.
# test_only_the_newest_page_loads_and_ranges_are_kept
LOADS_MAX = 16
# Ranges of event numbers kept a page load; ids below the lowest count as new.
# test_only_the_newest_page_loads_and_ranges_are_kept
LOAD_RANGES_MAX = 8
# Sessions in hand; one more read for a session that left.
# test_the_session_used_longest_ago_leaves
CACHE_SESSIONS_MAX = 50_000
# Attempts of one step after conflicts; then `StoreUnavailable`.
# test_endless_conflicts_end_as_unavailable
ATTEMPTS_MAX = 8
# Wake-ups taken at once; the others wait in the store.
# test_more_wake_ups_than_are_taken_at_once_are_all_taken
WAKES_AT_ONCE_MAX = 256
# Client session ids remembered; a forgotten one is asked of the store again.
# test_a_forgotten_alias_is_found_in_the_store
ALIASES_MAX = 100_000
# Overdue wake-ups taken before an event is folded; more are taken after it.
# test_overdue_wake_ups_are_taken_before_an_event
OVERDUE_WAKES_MAX = 64
# The random pause between attempts, from the third on.
# test_endless_conflicts_end_as_unavailable
CONFLICT_PAUSE_MS = (5.0, 40.0)
# How long the wake-up loop waits when the store does not answer.
# test_the_wake_up_loop_waits_for_the_store
WAKE_RETRY_MS = 250
# A longer page title is cut.
# test_long_addresses_titles_and_values_are_cut
TITLE_CHARS_MAX = 300
# Events kept to put a late one among them; beyond, what is late only counts until new ones are there.
# test_many_events_at_once_end_the_order_window
TAIL_EVENTS_MAX = 64
# Characters of all text attributes of a session together; a text beyond is dropped and counted.
# test_attributes_are_bounded_in_number_and_in_sum
ATTRIBUTE_CHARS_MAX = 8_000
# Texts up to this length are never dropped for the sum's sake: names of plans, codes, flags.
# test_attributes_are_bounded_in_number_and_in_sum
SHORT_TEXT_CHARS = 16
# An event with longer texts is folded and not kept: what is late then only counts.
# test_a_long_chat_keeps_the_session_small
TAIL_TEXT_CHARS_MAX = 4_000
# Rules of a page that are looked at for the nearest miss of a decision, the strongest first.
# test_only_the_strongest_rules_of_a_page_are_looked_at_for_the_nearest
CLOSEST_RULES_MAX = 8

# --- what a store keeps beside sessions ---
# Sessions and documents in one slice of a list (rows); more are asked for from below the last one.
SESSIONS_ROWS_MAX = 500  # test_a_slice_of_sessions_is_limited
DOCS_ROWS_MAX = 500  # test_a_slice_of_documents_is_limited
CAUSES_ROWS_MAX = 1_024  # test_causes_are_read_in_slices
# Causes that nobody has settled; over it what has causes is refused with `StoreUnavailable("none")`,
# everything else goes on. test_when_too_many_causes_wait_only_what_has_causes_is_refused
CAUSES_LEN_MAX = 100_000
# How long a taken place is kept that nobody gives back, in milliseconds.
# test_a_place_is_forgotten_long_after_it_was_taken
BOOKINGS_KEPT_MS = 400 * 86_400_000
# Events of a workspace's feed; the oldest leave, a reader from before them is not recovered.
# test_the_oldest_events_leave_the_feed
FEED_KEPT_MAX = 1_000
# Buckets counted in the windows of one length; the one begun longest ago begins anew.
# test_more_buckets_than_are_counted_begin_anew
RATE_BUCKETS_MAX = 200_000
# Idempotency-Keys whose first use is still running; over it `StoreUnavailable("none")`.
# test_more_keys_in_use_than_can_be_held_are_refused
LOCKS_LEN_MAX = 100_000
# Bytes of one answer; a longer one is not kept, so its key is free again.
# test_an_answer_over_its_limit_is_not_kept
ANSWER_BYTES_MAX = 512 * 1024
# Bytes of answers that `memory:` keeps; the oldest leave.
# test_the_memory_store_forgets_its_oldest_answers
MEMORY_ANSWERS_BYTES_MAX = 64 * 1024 * 1024

assert WAL_PASSIVE_BYTES_MAX < WAL_BYTES_MAX < DISK_FREE_BYTES_MIN
assert BATCH_LEN_MAX <= BATCH_ROWS_MAX
assert BATCH_LEN_MAX <= STORE_QUEUE_LEN_MAX
assert HISTORY_ROWS_MAX >= MESSAGES_KEPT_MAX
assert SESSION_IDLE_MS < SESSION_MS_MAX <= EVENT_AGE_MS_MAX
assert TAB_SILENCE_MS < TAB_CLOSE_GRACE_MS < SESSION_IDLE_MS
# Text of the state at most: attributes, one page and what is kept for late events, in UTF-8.
assert 4 * (ATTRIBUTE_CHARS_MAX + 2 * URL_CHARS_MAX) < STATE_BYTES_MAX
# Characters of a visitor's name, e-mail or phone that are kept; longer ones are cut.
# test_contact_is_kept_whether_rules_declare_it_or_not
CONTACT_CHARS_MAX = 200
# Messages of a session that one look at its history reads; more are asked for with an offset.
# test_a_transcript_is_read_in_pages
TRANSCRIPT_ROWS_MAX = 100
# Earlier messages of a conversation that an assistant is given; the newest ones.
# test_an_assistant_is_given_the_newest_messages_up_to_the_limit
EARLIER_MESSAGES_MAX = 50
# Anonymous visitors merged into a known one that its profile names; the oldest leave the list.
# test_a_profile_names_its_newest_identities
IDENTITIES_MAX = 50

# --- what a store keeps for several workers, and of deliveries ---
# Deliveries in one slice of a log, and claimed at once (rows).
DELIVERIES_ROWS_MAX = 500  # test_a_slice_of_deliveries_is_limited
# Settled deliveries of an endpoint's log, and how long they are kept, in milliseconds; the oldest leave.
# test_the_oldest_settled_deliveries_leave_the_log
DELIVERIES_KEPT_MAX = 1_000
DELIVERIES_KEPT_MS = 7 * 86_400_000
# Deliveries that wait in `memory:`; over it causes stay unsettled, `StoreUnavailable("none")`.
# test_when_too_many_deliveries_wait_in_memory_their_causes_stay
MEMORY_DELIVERIES_MAX = 100_000
# How long nothing is kept of a visitor who was erased, in milliseconds.
# test_nothing_is_kept_of_an_erased_visitor_for_a_day
ERASED_KEPT_MS = 24 * 3_600_000
# How long after an erasure began a sweep lets the store's files forget what was removed, in milliseconds:
# documents and what was told of it go after the visitor's own. test_a_sweep_soon_after_an_erasure_clears_the_files
ERASED_LATELY_MS = 3 * 60_000
# Bytes that a worker says of itself to the others; over it `LimitExceeded`.
# test_a_worker_that_says_too_much_is_refused
ABOUT_BYTES_MAX = 64 * 1024
# Workers that ended whose sockets are known to be gone; the longest gone is forgotten.
# test_workers_that_ended_long_ago_are_forgotten
WORKERS_GONE_MAX = 1_024
# Names of leases in one process; over it `StoreUnavailable("none")`.
# test_more_leases_than_can_be_held_are_refused
LEASES_LEN_MAX = 1_024
# Commands and their bytes that wait for one Redis server, over all connections to it; over it
# `StoreUnavailable("none")`. test_a_full_lane_refuses_at_once
LANE_QUEUE_LEN_MAX = 4_096
LANE_QUEUE_BYTES_MAX = 16 * 1024 * 1024
# Commands and bytes that go to a Redis server in one write, with one WAIT; more wait for the next.
# test_many_commands_share_one_wait
LANE_BATCH_LEN_MAX = 64
LANE_BATCH_BYTES_MAX = 256 * 1024
# Items of each list of one commit in a shared store; over it `LimitExceeded`.
# test_a_commit_with_too_many_items_is_refused
COMMIT_ITEMS_MAX = 2_048
# Foreign event ids kept a visitor by a shared store; older ones count as new.
# test_the_oldest_event_ids_leave
SEEN_LEN_MAX = 5_000
# Sockets noted with a session in a shared store; the longest connected is no longer hinted.
# test_the_sockets_noted_with_a_session_are_bounded
SOCKETS_NOTED_MAX = 64
# Reads for lists that one process has in the lanes of a shared store; more wait for their turn.
# test_many_lists_at_once_leave_room_for_commits
FAN_OUT_MAX = 256

# --- exports and archives ---
# Bytes of an event log that are sorted in memory; more go to a file, sorted by themselves.
# test_what_does_not_fit_into_memory_is_sorted_in_files
SORTED_BYTES_MAX = 32 * 1024 * 1024
# Such files of one size that are open at once; as many are merged into one.
# test_many_files_are_merged_into_one
SORTED_FILES_MAX = 64
# Sessions of one file of an archive; what more ended in its hour is in the next file.
# test_a_file_holds_a_bounded_number_of_sessions
ARCHIVE_SESSIONS_MAX = 2_000
# How long a journal stays in a shared store after its archive has it, in milliseconds.
# test_an_archived_journal_leaves_the_store_an_hour_later_and_is_read_as_before
ARCHIVED_KEPT_MS = 3_600_000

# --- level D3: what a worker accepted, beside a shared store ---
# How long it is kept, in milliseconds. test_what_is_older_than_a_minute_is_pruned
ACCEPTED_KEPT_MS = 60_000
# Bytes of it in one worker's file; over it `StoreUnavailable("none")`.
# test_a_full_log_accepts_nothing_more
ACCEPTED_LOG_BYTES_MAX = 256 * 1024 * 1024
# Rows that are written in one transaction; more wait for the next.
# test_many_rows_are_written_in_batches
ACCEPTED_BATCH_LEN_MAX = 256
# How old it may be when a worker comes back and finds it lost, in milliseconds: by then ids that were sent
# and visitors who were erased are still known. test_what_is_half_a_day_old_is_not_sent_again
ACCEPTED_AGE_MS_MAX = 12 * 3_600_000

assert ACCEPTED_KEPT_MS < ACCEPTED_AGE_MS_MAX < ERASED_KEPT_MS
assert 2 * EARLIER_MESSAGES_MAX <= TRANSCRIPT_ROWS_MAX
