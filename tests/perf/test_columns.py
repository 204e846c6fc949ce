import numpy as np


def test_take_broadcasts_single_numbers_to_the_common_shape(case):
    layout = case.layout(tp=[1, 2, 4, 8], pp=1)
    taken = layout.take(np.array([3, 0]))
    assert layout.shape == (4,)
    assert taken.tp.tolist() == [8, 1]
    assert taken.pp.tolist() == [1, 1]


def test_take_accepts_a_mask(case):
    assert case.layout(tp=[1, 2, 4, 8]).take(np.array([False, True, True, False])).gpus.tolist() == [2, 4]


def test_layout_counts_devices_and_expert_ranks(case):
    # DP attention of 8 ranks with their experts spread; the same devices as one tensor-parallel group; experts cut by TP.
    layout = case.layout(tp=[1, 8, 8], dp=[8, 1, 1], ep=[8, 8, 1], pp=[1, 2, 1])
    assert layout.gpus.tolist() == [8, 16, 8]
    assert layout.expert_ranks.tolist() == [8, 8, 8]
    assert layout.exchanges_tokens.tolist() == [True, False, False]


def test_kinds_of_attention_are_told_apart(case):
    assert bool(case.model("deepseek-v3").is_mla)
    assert not case.model("llama-3.1-8b").is_mla
    assert bool(case.model("deepseek-v3", index_topk=2048).is_sparse)
