"""Whisper: features of a fixed length; decoders of one token (continued), of a forced start, of several tokens."""

from transformers import WhisperConfig, WhisperForConditionalGeneration

from .kit import Case

OUTPUTS = ("logits", "encoder_last_hidden_state")
START = 97


def cases(draw):
    made = []
    for batch, decoded, generates in ((3, 1, True), (1, 4, True), (2, 7, False)):
        decoder_ids = draw.ids(batch, decoded, high=95)
        decoder_ids[:, 0] = START
        made.append(Case({"input_features": draw.normal(batch, 10, 38), "decoder_input_ids": decoder_ids}, OUTPUTS,
                         generates=generates))
    return made


def make(goldens):
    config = dict(vocab_size=100, num_mel_bins=10, d_model=24, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
                  decoder_attention_heads=3, encoder_ffn_dim=40, decoder_ffn_dim=36, max_source_positions=19,
                  max_target_positions=40, decoder_start_token_id=START, bos_token_id=96, eos_token_id=96, pad_token_id=96,
                  attn_implementation="eager")
    goldens.add("whisper", lambda: WhisperForConditionalGeneration(WhisperConfig(**config)), cases, gain=1.5)
