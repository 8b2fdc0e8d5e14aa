package kernel

import (
	"strings"
	"testing"
)

// columns are the kernels of the table below, left to right.
var columns = []string{"v4.6", "v4.6-generic", "v5.4", "v5.8", "v5.9", "v5.11", "v5.15", "v5.18", "v5.19", "v6.1", "v6.1.192", "v6.2", "v6.5", "v6.12", "v6.12.117"}

// history is which kernel has which rule, carried over by hand from what was read in their
// sources: a figure a kernel, the number of the rule's value there (0: off). How it is known: T, read in the
// trees on both sides of the change; C, its commit was seen; m, its release is from memory.
const history = `
rule                        4.6 generic 5.4 5.8 5.9 5.11 5.15 5.18 5.19 6.1 6.1.192 6.2 6.5 6.12 6.12.117  commit        known
gup_irq_off                 1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
gup_get_unless_zero         0   1       1   1   1   1    1    1    1    1   1       1   1   1    1         e585513b76f7  TC
gup_pte_recheck             0   1       1   1   1   1    1    1    1    1   1       1   1   1    1         e585513b76f7  TC
gup_pmd_leaf_recheck        0   1       1   1   1   1    1    1    1    1   1       1   1   1    1         e585513b76f7  TC
gup_pin_in_two              0   0       0   0   0   0    1    1    1    1   1       1   1   1    1         c24d37322548  TC
gup_compound_recheck        0   0       0   0   0   0    1    2    2    2   2       2   2   2    2         c24d37322548  TC
gup_pmd_recheck             0   0       0   0   0   0    0    0    0    1   1       1   1   1    1         70cbc3cc78a9  TC
khp_sync_one                0   0       0   0   0   0    0    0    0    1   1       1   1   1    1         2ba99c5e0881  TC
khp_anon_vma_lock           1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
khp_page_lock               1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
khugepaged_exit             1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
khp_shared_ok               0   0       0   1   1   1    1    1    1    1   1       1   1   1    1         9445689f3b61  TC
khp_drains_all              0   0       0   1   1   1    1    1    1    1   1       1   1   1    1         a980df33e935  TC
collapse_count_again        0   0       0   0   0   0    0    0    0    0   1       1   1   1    1         ae63c898f400  TC
khp_file_count              2   2       2   2   2   2    2    2    2    2   2       2   3   3    3         a2e17cc2efc7  TC
pmd_map_asks_vma            0   0       0   0   0   0    0    0    0    0   0       0   0   1    1         2b0f922323cc  TC
khp_file_unmap_batch        0   0       0   0   0   0    0    1    1    1   1       1   1   1    1         6d9df8a5889c  TC
khp_file_flush              0   0       0   0   0   0    0    1    1    1   1       1   1   1    1         6d9df8a5889c  TC
khp_retract_rcu             0   0       0   0   0   0    0    0    0    0   0       0   0   1    1         1d65b771bc08  TC
khp_retract_anon_recheck    0   0       0   0   0   0    0    0    0    0   1       1   1   1    1         023f47a8250c  TC
khp_retract_locks           0   0       0   0   0   0    0    0    0    1   1       1   1   1    1         8d3c106e19e8  TC
khp_retract_notifies        0   0       0   0   0   0    0    0    0    1   1       1   1   1    1         f268f6cf875f  TC
khp_file_pte_mapped         0   0       0   0   0   0    0    0    0    1   1       1   1   1    1         58ac9a8993a1  TC
khp_file_truncated          0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         701270fa193a  Tm
khp_retract_exit            0   0       0   0   1   1    1    1    1    1   1       1   1   1    1         18e77600f7a1  TC
pte_map_may_fail            0   0       0   0   0   0    0    0    0    0   0       0   1   1    1         0d940a9b270b  TC
truncate_splits_huge        0   0       0   1   1   1    1    1    1    1   1       1   1   1    1         71725ed10c40  TC
khp_restore                 1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
khp_file_give_up            0   0       0   0   0   0    0    0    0    0   0       0   0   0    0         -             T
fork_clears_swp_exclusive   0   0       0   0   0   0    0    0    1    1   1       1   1   1    1         1493a1913e34  TC
memory_failure_shmem        0   0       0   0   0   0    0    1    1    1    1       1   1   1    1         a76054266661  TC
khp_compound_ok             0   0       0   1   1   1    1    1    1    1   1       1   1   1    1         5503fbf2b0b8  C
lru_batch_size              0   0       0   0   0   0    0    0    0    0   0       0   0   1    1         9cecde80aae0  TC
lru_batch_keeps_flag        1   1       1   1   1   1    1    1    1    1   1       1   1   0    1         33dfe9204f29  TCm
lru_deactivate              1   1       1   1   0   0    0    0    0    0   0       0   0   0    0         b518154e59aa  TC
swapin_polls                1   1       1   1   1   1    1    1    1    1   1       1   1   0    0         b243dcbf2f13  TC
khp_check_before_clear      0   0       0   0   0   0    0    0    0    0   0       0   0   0    0         -             -
foll_pin_counting           0   0       0   1   1   1    1    1    1    1   1       1   1   1    1         3faa52c03f44  TC
gup_has_pinned_first        0   0       0   0   1   1    1    1    1    1   1       1   1   1    1         008cfe4418b3  TC
has_pinned_mark             0   0       0   0   1   1    2    2    2    2   2       2   2   2    2         a458b76a4171  TC
gup_write_protect_seq       0   0       0   0   0   1    1    1    1    1   1       1   1   1    1         57efa1fe5957  TC
forced_cow                  0   0       0   1   0   0    0    0    0    0   0       0   0   0    0         17839856fd58  TC
gup_unshare                 0   0       0   0   0   0    0    0    1    1   1       1   1   1    1         a7f226604170  TC
unshare_non_anon            0   0       0   0   0   0    0    0    0    0   0       1   1   1    1         84209e87c696  TC
unshare_keeps_ro            0   0       0   0   0   0    0    0    1    1   1       1   1   1    1         c89357e27f20  TC
share_pin_test              0   0       0   0   0   0    0    0    1    1   1       1   1   1    1         6c287605fd56  TC
share_fences                0   0       0   0   0   0    0    0    0    1   1       1   1   1    1         088b8aa537c2  TC
gup_fast_file_check         0   0       0   0   0   0    0    0    0    0   0       0   3   3    3         a6e79df92e4a  TC
gup_slow_file_check         0   0       0   0   0   0    0    0    0    0   0       0   1   1    1         8ac268436e6d  TC
gup_secretmem_check         0   0       0   0   0   0    1    1    1    1   1       1   1   1    1         1507f51255c9  TC
gup_secretmem_test          0   0       0   0   0   0    1    1    1    1   1       1   1   2    2         f002882ca369  TC
gup_fast_folio_allowed      0   0       0   0   0   0    0    0    0    0   0       0   1   1    1         a6e79df92e4a  TC
zero_page_not_counted       0   0       0   0   0   0    0    0    0    0   1       0   1   1    1         c8070b787519  TC
force_write_rule            0   0       1   1   1   1    1    1    1    2   2       2   2   2    2         19be0eaffa3a  TC
gup_unlocked_longterm       0   0       0   0   0   0    0    0    0    0   0       1   1   1    1         -             T
gup_longterm_requires_pin   0   0       0   0   0   1    1    1    1    1   1       1   1   1    1         447f3e45c18a  TC
gup_retry_killable          0   0       0   1   1   1    1    1    1    1   1       1   1   1    1         71335f37c5e8  TC
gup_lock_killable           0   0       0   0   0   0    0    0    0    0   0       0   1   1    1         b2a72dff85fa  TCm
gup_vma_recheck             1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
fault_throttle_unlocks      0   0       0   1   1   1    1    1    1    1   1       1   1   1    1         89b15332af7c  TC
fault_pins_file             0   0       0   1   1   1    1    1    1    1   1       1   1   1    1         89b15332af7c  TC
vm_fault_completed          0   0       0   0   0   0    0    0    0    1   1       1   1   1    1         d92725256b4f  TC
gup_slow_pmd_recheck        0   0       0   0   0   0    0    0    0    0   0       0   1   1    1         0d940a9b270b  TC
gup_pfn_exists              0   0       0   0   0   0    0    1    1    1   1       1   1   1    1         65462462ffb2  TC
gup_longterm_dax            0   0       1   1   1   2    2    2    2    2   2       2   2   2    2         52650c8b466b  TCm
fault_flags_checked         0   0       0   0   0   0    0    0    0    0   0       1   1   1    1         cdc5021cda19  TC
gup_fast_pkey_check         1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         33a709b25a76  TC
gup_slow_pkey_check         1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         33a709b25a76  TC
gup_refuses_overflow        0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         8fde12ca79af  TC
expand_stack_locked         0   0       0   0   0   0    0    0    0    0   1       0   1   1    1         8d7071af8907  TCm
gup_slow_takes_rest         0   0       0   0   0   0    0    0    0    0   0       0   0   1    1         57edfcfd3419  TC
gup_remote_longterm         0   0       0   1   1   1    1    1    1    1   1       1   1   1    1         c4237f8b1f4f  TC
gup_fast_force              0   0       0   1   1   1    1    1    1    1   1       1   1   1    1         f4000fdf435b  TC
gup_valid_args              0   0       0   0   0   0    0    0    0    0   0       0   1   1    1         d64e2dbc33a1  TC
pincount_exact_large        0   0       0   1   1   1    1    1    1    1   1       1   1   1    1         47e29d32afba  TC
dio_redirty                 1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
iou_file_check              0   0       0   0   0   0    1    1    1    1   1       1   2   2    2         34ed8d0dcd69  TC
iommu_flush_before_unpin    1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
dio_unpin_check             0   0       0   0   0   0    0    0    0    0   0       0   1   0    0         eb1d46fcd5d6  TC
unpin_sanity_check          0   0       0   0   0   0    0    0    1    1   1       1   1   1    1         b6a2619c60b4  TC
wp_reuse_rule               0   0       0   0   1   1    1    2    3    3   3       3   3   3    3         09854ba94c6a  TC
anon_exclusive              0   0       0   0   0   0    0    0    1    1   1       1   1   1    1         6c287605fd56  TC
swp_exclusive               0   0       0   0   0   0    0    0    1    1   1       1   1   1    1         1493a1913e34  TC
wp_copies_large             0   0       0   0   0   0    0    0    0    0   0       0   0   1    1         cd197c3a2040  TC
wp_unshare_non_anon         0   0       0   0   0   0    0    0    0    0   0       1   1   1    1         8d6a0ac09a16  TC
huge_wp_rule                0   0       1   2   2   2    2    3    3    3   3       3   3   3    3         3bff7e3f1f16  TC
swapin_swap_free_first      0   0       0   0   0   0    0    1    1    1   1       1   1   1    1         c145e0b47c77  C
swapin_cow_rule             0   0       0   0   0   0    0    1    2    2   2       2   2   2    2         c145e0b47c77  TC
cow_clear_flush_first       1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
rmap_drop_after_set         1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
dio_uses_pin                0   0       0   0   0   0    0    0    0    0   0       0   1   1    1         a7e689dd1c06  TC
gup_pte_read                1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
gup_pmd_read                0   0       0   0   0   0    0    0    0    0   0       1   1   1    1         1180e732c985  TC
fault_pte_read              0   0       0   0   0   0    0    0    0    0   0       0   1   1    1         26e1a0c3277d  TC
pae_clear_atomic            0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         b2d7a075a1cc  TC
pae_pmd_clear_atomic        0   0       0   0   0   0    0    0    0    0   0       1   1   1    1         b7301f20105a  TC
fork_pin_test               0   0       0   0   1   1    1    1    1    1   1       1   1   1    1         70e806e4e645  TC
fork_pte_batch              0   0       0   0   0   0    0    0    0    0   0       0   0   1    1         f8d937761d65 TC
fork_get_first              0   0       0   0   0   0    0    0    1    1   1       1   1   1    1         fb3d824d1a46  TC
fork_pin_test_anon_only     0   0       0   0   0   0    0    0    1    1   1       1   1   1    1         fb3d824d1a46  TC
fork_clears_exclusive       0   0       0   0   0   0    0    0    1    1   1       1   1   1    1         6c287605fd56  TC
fork_flush_tlb              1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
fork_wrprotect              1   1       1   1   2   2    2    2    2    2   2       2   2   2    2         f3c64eda3e50  TC
fork_counts_mappings        1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
reclaim_batch               1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         72b252aed506  TC
reclaim_flush_dirty         1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         d950c9477d51  TC
reclaim_flush_free          1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         72b252aed506  TC
reclaim_freeze              1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
reclaim_skips_pinned        0   0       0   0   0   1    1    1    1    1   1       1   1   1    1         feb889fb40fa  C
reclaim_keeps_pinned        0   0       0   0   0   0    0    0    0    0   1       0   1   1    1         d824ec2a1546  TC
batched_pending             0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         3ea277194daa  TC
munmap_read_lock            0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         dd2283f2605e  TC
lazyfree_refcount_check     0   0       0   0   0   0    0    1    1    1   1       1   1   1    1         6c8e2a256915  TC
delayed_rmap                0   0       0   0   0   0    0    0    0    0   0       1   1   1    1         5df397dec7c4  TC
zap_flush_before_unlock     1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         1cf35d47712d  TC
ext4_skip_nobuf             0   0       0   0   0   0    0    1    1    1   1       1   1   1    1         cc5095747edf  TC
dirty_tracking              1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         d08b3851da41  TC
inode_rcu                   1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         fa0d7e3de6d6  TC
tlb_flush                   0   2       0   0   0   0    0    0    0    0   0       0   0   0    0         858a43aae236  TC
pt_free                     0   1       0   0   0   0    0    0    0    0   0       0   0   0    0         9e52fc2b50de  TC
add_to_swap_dirties         0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
swapcache_prepare           0   0       0   0   0   0    0    0    0    0   1       0   0   1    1         13ddaf26be32  C
anon_vma_trylock            0   0       0   0   0   0    0    0    0    0   0       0   0   1    1         737019cf6ac5  TC
mprotect_unaccounts         0   0       0   0   0   0    0    0    0    0   0       0   0   1    1         -             T
per_vma_lock                0   0       0   0   0   0    0    0    0    0   0       0   1   1    1         0bff0aaea03e  C
vma_lock_faults             0   0       0   0   0   0    0    0    0    0   0       0   1   2    2         4ed4379881aa  TC
mprotect_upgrades           0   0       0   0   0   0    0    0    0    1   1       2   2   2    2         64fe24a3e05e  TC
lazyfree_list               0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         802a3a92ad7a  TC
madvise_cold_and_pageout    0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         9c276cc65a58  C
madvise_dontneed_locked     0   0       0   0   0   0    0    1    1    1   1       1   1   1    1         9457056ac426  TC
madvise_populate            0   0       0   0   0   0    1    1    1    1   1       1   1   1    1         4ca9b3859dac  TC
pageout_leaves_young        0   0       0   0   0   0    0    0    0    0   0       0   0   1    1         2864f3d0f583  TC
pageout_private_copies      0   0       0   0   0   0    0    0    0    0   0       1   1   1    1         fd3b1bc3c86e  TC
madvise_wipeonfork          0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         d2cd9ede6e19  TC
unmap_spares_mlocked        1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
populate_in_gup             0   0       0   0   0   0    0    0    0    0   0       0   0   1    1         631426ba1d45  TC
swap_zeromap                0   0       0   0   0   0    0    0    0    0   0       0   0   1    1         0ca0c24e3211  TC
swapin_skips_cache          0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         0bcac06f27d7  C
swapin_read_maps_writable   0   0       0   0   0   0    0    0    0    0   0       0   0   1    1         c18160dba5ff  TC
swapin_stable_writes        0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         f05714293a59  TC
swapin_rmap_first           0   0       0   0   0   0    0    1    1    1   1       1   1   1    1         1eba86c096e3  TC
gather_flush_before_free    1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
punch_writes_first          1   1       1   1   1   1    1    1    1    1   1       1   1   1    0         982bf37da09d  TC
dio_falls_back              1   1       1   0   1   1    1    1    1    1   1       1   1   1    1         60263d5889e6  TC
mprotect_asks_soft_dirty    0   0       0   0   0   0    0    0    0    1   1       1   1   1    1         76aefad628aa  TC
force_asks_soft_dirty       1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
swp_soft_dirty              1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
shmem_falloc_waits          1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         f00cdc6df7d7  TC
inode_dio_wait              1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         bd5fe6c5eb9c  TC
lookup_rechecks             1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         e286781d5f2e  TC
write_faults_in             1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
write_copy_nofault          1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         08291429cfa6  TC
dio_invalidates_again       1   1       2   2   2   2    2    2    2    2   2       2   2   2    2         332391a9935d  TC
eof_tail_zeroed             0   0       0   0   0   0    0    0    0    0   0       0   0   0    1         c7fc0366c656  TC
reclaim_may_writepage       1   1       1   1   1   1    1    1    1    1   1       0   0   0    0         dae999602eeb  TC
reclaim_seen_twice          0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         4eda48235011  TC
stable_pages                0   0       0   0   0   0    0    0    0    0   0       0   0   0    0         -             T
fault_around_recheck        1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
fault_around                0   0       0   0   0   0    0    0    0    0   0       0   0   0    0         -             T
lru_cache_disable           0   0       0   0   0   0    1    1    1    1   1       1   1   1    1         d479960e44f2  TC
migrate_batch_flush         0   0       0   0   0   0    0    0    0    0   0       0   1   1    1         7e12beb8ca2a  TC
migrate_keeps_write         0   0       0   0   0   0    0    0    0    0   0       0   1   1    1         f3ebdf042df4  TC
migrate_flush               1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
migration_wait_takes_ref    1   1       1   1   1   1    1    0    0    0   0       0   0   0    0         ffa65753c431  TC
migrate_batch               0   0       0   0   0   0    0    0    0    0   0       0   1   1    1         5dfab109d519  TC
migrate_refcheck            2   2       2   2   2   2    2    2    2    2   2       2   2   2    2         -             T
migrate_copy_first          0   0       0   0   0   0    0    0    0    0   0       0   0   1    1         060913999d7a  TC
move_pages_folio_walk       0   0       0   0   0   0    0    0    0    0   0       0   0   1    1         7dff875c9436  TC
pmd_split_carries_dirty     0   0       0   0   0   0    0    0    0    0   0       1   1   1    1         e833bc503405  C
thp_double_map              1   1       1   1   1   1    1    1    1    1   1       0   0   0    0         cb67f4282bf9  C
lazy_tlb                    0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         145f573b89a6  TC
tlb_generations             0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         94b1b03b519b  TC
switch_mm_checks_generation 0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         94b1b03b519b  TC
switch_mm_lazy_fence        0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
tlb_pcid                    0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         10af6235e0d3  TC
flush_range_tells_tables    0   0       0   0   0   0    0    0    0    0   1       0   0   0    1         3ef938c35035  TC
fence_clear_before_count    1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         088b8aa537c2  T
fence_grab_before_recheck   1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         088b8aa537c2  T
fence_join_before_generation 0  0       1   1   1   1    1    1    1    1   1       1   1   1    1         94b1b03b519b  TC
deferred_split_partial      0   0       0   0   0   0    0    0    0    0   0       0   0   1    1         7491f3f34891  TC
split_maps_zeropage         0   0       0   0   0   0    0    0    0    0   0       0   0   1    1         b1f202060afe  C
madvise_pte_batch           0   0       0   0   0   0    0    0    0    0   0       0   0   1    1         dce7d10be4bb  C
fork_counts_pmd_mappings    1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
split_freeze                1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
split_rechecks_folio        0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         33f4751e9960  TC
rmap_walk_sync              0   0       0   0   0   0    1    1    1    1   1       1   1   1    1         732ed55823fc  TC
lazyfree_whole_pmd          0   0       0   0   0   0    0    0    0    0   0       0   0   1    1         735ecdfaf4e8  TC
hugetlb_cache_counts_pages  0   0       0   0   0   0    0    0    0    0   0       0   0   1    1         a08c7193e4f1  C
hugetlb_fork_pin_test       0   0       0   0   0   0    1    1    1    1   1       1   1   1    1         4eae4efa2c29  TC
hugetlb_reuse_by_references 0   0       0   0   0   0    0    0    0    0   0       0   0   0    0         -             -
hugetlb_unshare_sync        0   0       0   0   0   0    0    0    0    0   1       0   0   0    1         1013af4f585f  TC
hugetlb_unshare_flush       0   0       0   0   0   0    0    1    1    1   1       1   1   1    1         a4a118f2eead  TC
hugetlb_vma_lock            0   0       0   0   0   0    0    0    0    1   1       1   1   1    1         40549ba8f8e0  TC
hugetlb_truncate_mutex      1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         b5cec28d36f5  TC
gup_hugetlb_walk            0   0       0   0   0   0    0    0    0    0   0       0   0   2    2         9cb28da54643  TC
gup_force_hugetlb_refused   0   0       0   0   0   0    0    0    0    1   1       1   1   1    1         1d8d14641fd9  TC
ksm_clear_before_check      1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
ksm_refcount_check          1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
ksm_flush                   1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
ksm_tlb_pending             0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         b3a81d0841a9  TC
ksm_excl_share              0   0       0   0   0   0    0    0    1    1   1       1   1   1    1         6c287605fd56  TC
ksm_pte_recheck             1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
ksm_get_recheck             1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
ksm_reuse                   0   0       1   1   0   0    0    0    0    0   0       0   0   0    0         1a0cf26323c8  TC
ksm_break_unshare           0   0       0   0   0   0    0    0    0    0   0       1   1   1    1         6cce3314b928  TC
ksm_use_zero_pages          0   0       0   0   0   0    0    0    0    0   0       0   0   0    0         -             T
ksm_checksum_first          0   0       0   0   0   0    0    0    0    0   0       0   0   1    1         d58a361b0350  TC
madvise_dontneed_hugetlb    0   0       0   0   0   0    0    1    1    1   1       1   1   1    1         90e7e7f5ef3f  TC
remover_wait                0   0       0   0   0   0    0    0    0    0   0       0   0   0    0         -             -
gup_seqcount                0   0       0   0   0   0    0    0    0    0   0       0   0   0    0         -             -
uprobe_uses_original        0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         fb4fb04ff4dd  TC
uprobe_splits_pmd           0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         5a52c9df62b4  TC
uprobe_in_place             0   0       0   0   0   0    0    0    0    0   0       0   0   0    0         -             m
migrate_undo                1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
gup_zone_test               0   0       0   1   1   1    1    1    1    1   1       1   2   2    2         503670ee6d06  TC
gup_longterm_zone           0   0       1   1   1   1    2    2    2    2   2       2   2   2    2         d1e153fea2a8  TC
numa_balancing              0   0       0   0   0   0    0    0    0    0   0       0   0   0    0         -             T
gup_protnone_rule           1   1       1   1   1   1    1    1    1    1   1       1   2   2    2         d74943a2f3cd  TC
numa_skip_pinned            0   0       3   3   3   3    3    1    1    1   1       1   1   2    2         80d47f5de5e3  TC
numa_skips_dirty_file       0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         09a913a7a947  TCm
mprotect_gathers            0   0       0   0   0   0    0    0    1    1   1       1   1   1    1         4a18419f71cd  TC
khp_swapin                  0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         8a966ed746d6  TC
migrate_young_dirty         0   0       0   0   0   0    0    0    0    1   1       1   1   1    1         2e3468778dbe  C
gather_nested               0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         99baac21e458  TC
clear_refs_write_lock       0   0       0   0   0   1    1    1    1    1   1       1   1   1    1         29a951dfb3c3  C
clear_refs_skips_pinned     0   0       0   0   0   1    1    1    1    1   1       1   1   1    1         9348b73c2e1b  C
mremap_flush_locked         0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         eb66ae030829  TC
mremap_rmap_locks           1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         38a76013ad80  TC
munmap_rmap_locks           1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
mremap_moves_tables         0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         2c91bd4a4e2e  TC
mremap_table_rmap_locks     0   0       0   0   0   0    1    1    1    1   1       1   1   1    1         97113eb39fa7  TC
numa_saved_write            1   1       1   1   1   1    1    1    1    1   1       0   0   0    0         6a56ccbcf6c6  TC
numa_huge_pmd               0   0       0   0   0   0    1    1    1    1   1       1   1   1    1         c5b5a3dd2c1f  TC
numa_wait_reference         0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         3c226c637b69  TC
migrate_split_partial       0   0       0   0   0   0    0    0    0    0   0       0   0   1    1         7262f208ca68  TC
migrate_split_nomem         0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         94723aafb9e7  TC
move_pages_thp              0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         e8db67eb0ded  TC
notifier_start              1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
notifier_in_rmap            0   0       1   1   1   1    1    1    1    1   1       1   1   1    1         369ea8242c0f  TC
notifier_change_pte         1   1       1   1   1   1    1    1    1    1   1       1   1   0    0         f7842747d13d  TC
secondary_tlbs              2   2       2   2   2   2    2    2    2    2   2       2   2   3    3         6bbd42e2df8f  TC
kv_inprog_check             1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
kv_seq_check                1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
end_bumps_seq               1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
kv_flush_tlbs               1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
ksm_flush_notifies          1   1       0   0   0   0    0    0    0    0   0       0   0   0    0         0f10851ea475  TC
invalidate_range_only_end   0   0       1   1   1   1    1    1    1    1   1       1   1   0    0         4645b9fe84bf  TC
interval_read_retry         1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
interval_begin_waits        1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
interval_end_even           1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
odp_hmm_range_fault         0   0       0   0   0   1    1    1    1    1   1       1   1   1    1         36f30e486dce  TC
kv_marks_dirty              1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         -             T
fence_share_before_restore  1   1       1   1   1   1    1    1    1    1   1       1   1   1    1         088b8aa537c2  T
unmap_poisons_if_asked      0   0       0   0   0   0    0    0    0    0   1       0   1   1    1         6da6b1d4a7df  TCm
madvise_free_poison         0   0       0   0   0   0    0    0    1    1   1       1   1   1    1         7b49514fa1db  C
memory_failure_counts_anon  1   1       1   1   1   1    1    0    0    0   0       0   0   0    0         dd0f230a0a80  TC
memory_failure_says_again   0   0       0   0   0   0    1    1    1    1   1       1   1   1    1         47af12bae17f  TC
memory_failure_kills_unsplit 0  0       0   0   0   0    0    0    0    0   0       0   0   1    1         1a3798dececa  TC
memory_failure_ksm          0   0       0   0   0   0    0    0    0    0   0       0   1   1    1         4248d0083ec5  C
fence_recheck_before_exclusive 1 1      1   1   1   1    1    1    1    1   1       1   1   1    1         088b8aa537c2  T
`

// words are what a rule's Confidence says for the letters of the table's last column.
var words = map[rune]string{'T': "read in source", 'C': "commit", 'm': "from memory"}

// TestHistory holds the catalogue against the table.
func TestHistory(t *testing.T) {
	said := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(history), "\n")[1:] {
		f := strings.Fields(line)
		if len(f) != 1+len(columns)+2 {
			t.Fatalf("%d fields: %s", len(f), line)
		}
		r := RuleByName(f[0])
		if r == nil || said[f[0]] {
			t.Errorf("%s is no rule, or stands there twice", f[0])
			continue
		}
		said[f[0]] = true
		for i, name := range columns {
			k, err := Make(name)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := k.Value(r.ID), f[1+i][0]-'0'; got != want {
				t.Errorf("%s in %s is %s, not value %d", r.Name, name, r.ValueName(got), want)
			}
		}
		if commit := f[len(f)-2]; commit != r.Commit && (commit != "-" || r.Commit != "") {
			t.Errorf("%s: commit %q, not %s", r.Name, r.Commit, commit)
		}
		for _, known := range strings.Trim(f[len(f)-1], "-") {
			if !strings.Contains(r.Confidence, words[known]) {
				t.Errorf("%s: %q does not say %q", r.Name, r.Confidence, words[known])
			}
		}
	}
	for _, r := range Rules {
		if !said[r.Name] {
			t.Errorf("the table has no line for %s: write one from what was read, a figure a kernel, in the order of the columns", r.Name)
		}
	}
	if len(columns) != len(Versions) {
		t.Errorf("the table has %d kernels, there are %d", len(columns), len(Versions))
	}
}

// uncommitted are the rules that change from one kernel to the next with no commit in our sources: some way, or both.
var uncommitted = strings.Fields(`
add_to_swap_dirties gup_unlocked_longterm mprotect_unaccounts switch_mm_lazy_fence
`)

// TestChangesNameTheirCommits: what a kernel does otherwise than the one before came with a commit, which the rule names; or it is on the list
// of those that none of our sources names one for. Stable trees carry what a later release has, so of them only what is theirs alone counts.
func TestChangesNameTheirCommits(t *testing.T) {
	without := map[string]bool{}
	for _, v := range Versions {
		if v.Generic != nil || v.Backports != nil {
			continue
		}
		for _, d := range v.Differences() {
			if d.Commit == "" {
				without[d.Rule.Name] = true
			}
		}
	}
	for _, name := range uncommitted {
		if !without[name] {
			t.Errorf("%s names its commits by now: take it off the list", name)
		}
		delete(without, name)
	}
	for name := range without {
		t.Errorf("%s changes and names no commit: name it, from a source, or say here that none is known", name)
	}
}

// TestDefaultsFollow holds that a default which hangs on other rules is, on every kernel that departs from a release in one rule, what it says of that kernel's rules:
// none of those it hangs on was given its value later.
func TestDefaultsFollow(t *testing.T) {
	for _, v := range Versions {
		for _, set := range Rules {
			for _, name := range set.ValueNames() {
				k, err := Make(v.Name, Setting{set.Name, name})
				if err != nil {
					continue
				}
				for _, r := range following {
					if r != set && k.value[r.ID] != r.at(v, &k) {
						t.Errorf("%v: %s is not what its default says", k, r.Name)
					}
				}
			}
		}
	}
}
