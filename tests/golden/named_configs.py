"""config.json of every checkpoint of the zoo's table, in the spelling it was published in, and its parameter counts.

Left out of the published files: what has no meaning for inference (dropouts, initialisation, labels' names, use_cache).
"""

from dataclasses import dataclass


@dataclass
class Named:
    architecture: str  # that is compared, and counted first
    config: dict
    counts: dict  # architecture -> parameters
    small: bool = False  # one of the zoo's small set


def bert(hidden, layers, heads, intermediate, architectures):
    return {**({"architectures": architectures} if architectures else {}), "model_type": "bert", "vocab_size": 30522,
            "hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads,
            "intermediate_size": intermediate, "hidden_act": "gelu", "max_position_embeddings": 512, "type_vocab_size": 2,
            "layer_norm_eps": 1e-12, "pad_token_id": 0}


def t5(d_model, d_ff, layers, heads):
    return {"architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "vocab_size": 32128, "d_model": d_model,
            "d_kv": 64, "d_ff": d_ff, "num_layers": layers, "num_decoder_layers": layers, "num_heads": heads,
            "relative_attention_num_buckets": 32, "feed_forward_proj": "relu", "layer_norm_epsilon": 1e-6,
            "is_encoder_decoder": True, "decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1}


OPT = {"architectures": ["OPTForCausalLM"], "model_type": "opt", "vocab_size": 50272, "hidden_size": 768,
       "num_hidden_layers": 12, "num_attention_heads": 12, "ffn_dim": 3072, "activation_function": "relu",
       "max_position_embeddings": 2048, "do_layer_norm_before": True, "word_embed_proj_dim": 768, "pad_token_id": 1,
       "bos_token_id": 2, "eos_token_id": 2, "torch_dtype": "float16"}


def llama(hidden, layers, heads, kv_heads, intermediate, eps, dtype):
    return {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 32000, "hidden_size": hidden,
            "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": kv_heads,
            "intermediate_size": intermediate, "hidden_act": "silu", "rms_norm_eps": eps, "rope_theta": 10000.0,
            "rope_scaling": None, "max_position_embeddings": 2048, "tie_word_embeddings": False, "bos_token_id": 1,
            "eos_token_id": 2, "torch_dtype": dtype}


CLIP_TEXT = {"vocab_size": 49408, "hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12,
             "num_attention_heads": 8, "max_position_embeddings": 77, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
             "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}
CLIP_VISION = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
               "image_size": 224, "patch_size": 32, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5}
CLIP = {"architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": 512,
        "logit_scale_init_value": 2.6592, "text_config": {**CLIP_TEXT, "model_type": "clip_text_model"},
        "vision_config": {**CLIP_VISION, "model_type": "clip_vision_model"}, "torch_dtype": "float32"}
XCLIP = {"architectures": ["XCLIPModel"], "model_type": "xclip", "projection_dim": 512, "prompt_layers": 2,
         "prompt_num_attention_heads": 8, "prompt_alpha": 0.1, "prompt_hidden_act": "quick_gelu",
         "logit_scale_init_value": 2.6592, "text_config": {**CLIP_TEXT, "model_type": "xclip_text_model"},
         "vision_config": {**CLIP_VISION, "model_type": "xclip_vision_model", "num_frames": 8, "mit_hidden_size": 512,
                           "mit_intermediate_size": 2048, "mit_num_hidden_layers": 1, "mit_num_attention_heads": 8},
         "torch_dtype": "float32"}


def numbered(count):
    return {str(i): f"LABEL_{i}" for i in range(count)}


VIT = {"architectures": ["ViTForImageClassification"], "model_type": "vit", "hidden_size": 768, "num_hidden_layers": 12,
       "num_attention_heads": 12, "intermediate_size": 3072, "hidden_act": "gelu", "layer_norm_eps": 1e-12,
       "image_size": 224, "patch_size": 16, "num_channels": 3, "qkv_bias": True, "id2label": numbered(1000)}
RESNET = {"architectures": ["ResNetForImageClassification"], "model_type": "resnet", "num_channels": 3,
          "embedding_size": 64, "hidden_sizes": [256, 512, 1024, 2048], "depths": [3, 4, 6, 3],
          "layer_type": "bottleneck", "hidden_act": "relu", "downsample_in_first_stage": False,
          "id2label": numbered(1000), "torch_dtype": "float32"}
CLAP = {"architectures": ["ClapModel"], "model_type": "clap", "projection_dim": 512, "projection_hidden_act": "relu",
        "logit_scale_init_value": 14.285714285714285,
        "text_config": {"model_type": "clap_text_model", "vocab_size": 50265, "hidden_size": 768, "num_hidden_layers": 12,
                        "num_attention_heads": 12, "intermediate_size": 3072, "hidden_act": "gelu",
                        "max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-12,
                        "projection_dim": 512, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2},
        "audio_config": {"model_type": "clap_audio_model", "spec_size": 256, "num_mel_bins": 64, "window_size": 8,
                         "patch_size": 4, "patch_stride": [4, 4], "patch_embeds_hidden_size": 96, "depths": [2, 2, 6, 2],
                         "num_attention_heads": [4, 8, 16, 32], "num_hidden_layers": 4, "hidden_size": 768,
                         "mlp_ratio": 4.0, "hidden_act": "gelu", "qkv_bias": True, "layer_norm_eps": 1e-5,
                         "enable_fusion": False, "enable_patch_layer_norm": True, "patch_embed_input_channels": 1,
                         "flatten_patch_embeds": True, "projection_dim": 512},
        "torch_dtype": "float32"}
WHISPER = {"architectures": ["WhisperForConditionalGeneration"], "model_type": "whisper", "vocab_size": 51865,
           "num_mel_bins": 80, "d_model": 384, "encoder_layers": 4, "decoder_layers": 4, "encoder_attention_heads": 6,
           "decoder_attention_heads": 6, "encoder_ffn_dim": 1536, "decoder_ffn_dim": 1536, "activation_function": "gelu",
           "max_source_positions": 1500, "max_target_positions": 448, "scale_embedding": False,
           "is_encoder_decoder": True, "decoder_start_token_id": 50258, "bos_token_id": 50257, "eos_token_id": 50257,
           "pad_token_id": 50257, "torch_dtype": "float32"}
WAV2VEC2 = {"architectures": ["Wav2Vec2ForPreTraining"], "model_type": "wav2vec2", "vocab_size": 32, "hidden_size": 768,
            "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072, "hidden_act": "gelu",
            "layer_norm_eps": 1e-5, "conv_dim": [512] * 7, "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
            "conv_stride": [5, 2, 2, 2, 2, 2, 2], "conv_bias": False, "feat_extract_norm": "group",
            "feat_extract_activation": "gelu", "do_stable_layer_norm": False, "num_conv_pos_embeddings": 128,
            "num_conv_pos_embedding_groups": 16, "codevector_dim": 256, "proj_codevector_dim": 256,
            "num_codevectors_per_group": 320, "num_codevector_groups": 2, "pad_token_id": 0, "bos_token_id": 1,
            "eos_token_id": 2, "torch_dtype": "float32"}
LLAVA_VISION = {"model_type": "clip_vision_model", "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24,
                "num_attention_heads": 16, "image_size": 336, "patch_size": 14, "hidden_act": "quick_gelu",
                "layer_norm_eps": 1e-5, "projection_dim": 768}
LLAVA = {"architectures": ["LlavaForConditionalGeneration"], "model_type": "llava", "image_token_index": 32000,
         "projector_hidden_act": "gelu", "vision_feature_layer": -2, "vision_feature_select_strategy": "default",
         "pad_token_id": 32001, "tie_word_embeddings": False,
         "text_config": {"model_type": "llama", "vocab_size": 32064, "hidden_size": 4096, "num_hidden_layers": 32,
                         "num_attention_heads": 32, "num_key_value_heads": 32, "intermediate_size": 11008,
                         "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
                         "max_position_embeddings": 4096, "torch_dtype": "float16"},
         "vision_config": LLAVA_VISION, "torch_dtype": "float16"}
LLAVA_NEXT = {**LLAVA, "architectures": ["LlavaNextForConditionalGeneration"], "model_type": "llava_next",
              "image_grid_pinpoints": [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]],
              "text_config": {"model_type": "mistral", "vocab_size": 32064, "hidden_size": 4096, "num_hidden_layers": 32,
                              "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336,
                              "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 1000000.0, "sliding_window": None,
                              "max_position_embeddings": 32768, "torch_dtype": "float16"}}
ONEVISION = {"architectures": ["LlavaOnevisionForConditionalGeneration"], "model_type": "llava_onevision",
             "image_token_index": 151646, "video_token_index": 151647, "projector_hidden_act": "gelu",
             "vision_feature_layer": -1, "vision_feature_select_strategy": "full", "vision_aspect_ratio": "anyres_max_9",
             "image_grid_pinpoints": [[384 * a, 384 * b] for a in range(1, 7) for b in range(1, 7)],
             "tie_word_embeddings": True,
             "text_config": {"model_type": "qwen2", "vocab_size": 152000, "hidden_size": 896, "num_hidden_layers": 24,
                             "num_attention_heads": 14, "num_key_value_heads": 2, "intermediate_size": 4864,
                             "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": 1000000.0,
                             "max_position_embeddings": 32768, "use_sliding_window": False, "tie_word_embeddings": True,
                             "torch_dtype": "float16"},
             "vision_config": {"model_type": "siglip_vision_model", "hidden_size": 1152, "intermediate_size": 4304,
                               "num_hidden_layers": 26, "num_attention_heads": 16, "image_size": 384, "patch_size": 14,
                               "hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-6, "vision_use_head": False},
             "torch_dtype": "float16"}
QWEN2 = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": 151936, "hidden_size": 896,
         "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2, "intermediate_size": 4864,
         "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "max_position_embeddings": 32768,
         "use_sliding_window": False, "sliding_window": 32768, "max_window_layers": 24, "tie_word_embeddings": True,
         "bos_token_id": 151643, "eos_token_id": 151645, "torch_dtype": "bfloat16"}
QWEN3 = {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": 151936, "hidden_size": 1024,
         "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128,
         "intermediate_size": 3072, "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": 1000000,
         "rope_scaling": None, "max_position_embeddings": 40960, "use_sliding_window": False, "sliding_window": None,
         "max_window_layers": 28, "attention_bias": False, "tie_word_embeddings": True, "bos_token_id": 151643,
         "eos_token_id": 151645, "torch_dtype": "bfloat16"}
VISION_IDS = {"vision_start_token_id": 151652, "vision_end_token_id": 151653, "image_token_id": 151655,
              "video_token_id": 151656}
QWEN2_VL = {"architectures": ["Qwen2VLForConditionalGeneration"], "model_type": "qwen2_vl", **VISION_IDS,
            "vocab_size": 151936, "hidden_size": 1536, "num_hidden_layers": 28, "num_attention_heads": 12,
            "num_key_value_heads": 2, "intermediate_size": 8960, "hidden_act": "silu", "rms_norm_eps": 1e-6,
            "rope_theta": 1000000.0, "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]},
            "max_position_embeddings": 32768, "use_sliding_window": False, "sliding_window": 32768,
            "max_window_layers": 28, "tie_word_embeddings": True, "bos_token_id": 151643, "eos_token_id": 151645,
            "vision_config": {"depth": 32, "embed_dim": 1280, "mlp_ratio": 4, "num_heads": 16, "in_chans": 3,
                              "hidden_size": 1536, "patch_size": 14, "spatial_merge_size": 2, "spatial_patch_size": 14,
                              "temporal_patch_size": 2},
            "torch_dtype": "bfloat16"}
QWEN3_VL = {"architectures": ["Qwen3VLForConditionalGeneration"], "model_type": "qwen3_vl", **VISION_IDS,
            "tie_word_embeddings": True,
            "text_config": {"model_type": "qwen3_vl_text", "vocab_size": 151936, "hidden_size": 2048,
                            "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128,
                            "intermediate_size": 6144, "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": 5000000,
                            "rope_scaling": {"rope_type": "default", "mrope_section": [24, 20, 20],
                                             "mrope_interleaved": True},
                            "max_position_embeddings": 262144, "attention_bias": False, "tie_word_embeddings": True,
                            "bos_token_id": 151643, "eos_token_id": 151645, "dtype": "bfloat16"},
            "vision_config": {"model_type": "qwen3_vl", "depth": 24, "hidden_size": 1024, "num_heads": 16,
                              "intermediate_size": 4096, "hidden_act": "gelu_pytorch_tanh", "patch_size": 16,
                              "temporal_patch_size": 2, "spatial_merge_size": 2, "in_channels": 3,
                              "out_hidden_size": 2048, "num_position_embeddings": 2304,
                              "deepstack_visual_indexes": [5, 11, 17]}}
DETR = {"architectures": ["DetrForObjectDetection"], "model_type": "detr", "use_timm_backbone": True,
        "backbone": "resnet50", "num_channels": 3, "d_model": 256, "encoder_layers": 6, "decoder_layers": 6,
        "encoder_attention_heads": 8, "decoder_attention_heads": 8, "encoder_ffn_dim": 2048, "decoder_ffn_dim": 2048,
        "activation_function": "relu", "num_queries": 100, "position_embedding_type": "sine", "dilation": False,
        "is_encoder_decoder": True, "id2label": numbered(91)}
DISTILBERT = {"architectures": ["DistilBertForMaskedLM"], "model_type": "distilbert", "vocab_size": 30522, "dim": 768,
              "n_layers": 6, "n_heads": 12, "hidden_dim": 3072, "activation": "gelu", "max_position_embeddings": 512,
              "sinusoidal_pos_embds": False, "pad_token_id": 0, "tie_weights_": True}
ROBERTA = {"architectures": ["RobertaForMaskedLM"], "model_type": "roberta", "vocab_size": 50265, "hidden_size": 768,
           "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072, "hidden_act": "gelu",
           "max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5, "pad_token_id": 1,
           "bos_token_id": 0, "eos_token_id": 2}
GPT2 = {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "vocab_size": 50257, "n_embd": 768, "n_layer": 12,
        "n_head": 12, "n_positions": 1024, "n_ctx": 1024, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5,
        "bos_token_id": 50256, "eos_token_id": 50256}


def only(architecture, config, parameters, small=False, **others):
    return Named(architecture, config, {architecture: parameters, **others}, small)


MODELS = {
    "bert-base-uncased": only("BertForMaskedLM", bert(768, 12, 12, 3072, ["BertForMaskedLM"]), 109514298,
                              BertModel=109482240),
    "bert-tiny": only("BertModel", bert(128, 2, 2, 512, None), 4385920, True, BertForMaskedLM=4416698),
    "all-minilm-l6-v2": only("BertModel", bert(384, 6, 12, 1536, ["BertModel"]), 22713216),
    "t5-small": only("T5ForConditionalGeneration", t5(512, 2048, 6, 8), 60506624),
    "t5-efficient-tiny": only("T5ForConditionalGeneration", t5(256, 1024, 4, 4), 15570688, True),
    "opt-125m": only("OPTForCausalLM", OPT, 125239296, True),
    "tinyllama-1.1b-chat-v1.0": only("LlamaForCausalLM", llama(2048, 22, 32, 4, 5632, 1e-5, "bfloat16"), 1100048384),
    "llama-7b": only("LlamaForCausalLM", llama(4096, 32, 32, 32, 11008, 1e-6, "float16"), 6738415616),
    "clip-vit-base-patch32": only("CLIPModel", CLIP, 151277313, True),
    "vit-base-patch16-224": only("ViTForImageClassification", VIT, 86567656, True, ViTModel=86389248),
    "clap-htsat-unfused": only("ClapModel", CLAP, 153492890, True),
    "whisper-tiny": only("WhisperForConditionalGeneration", WHISPER, 37760640, True),
    "wav2vec2-base": only("Wav2Vec2Model", WAV2VEC2, 94371712, True, Wav2Vec2ForPreTraining=95044608,
                          Wav2Vec2ForCTC=94396320),
    "llava-1.5-7b-hf": only("LlavaForConditionalGeneration", LLAVA, 7063427072),
    "llava-onevision-qwen2-0.5b": only("LlavaOnevisionForConditionalGeneration", ONEVISION, 893675552, True),
    "llava-v1.6-mistral-7b-hf": only("LlavaNextForConditionalGeneration", LLAVA_NEXT, 7566747648),
    "xclip-base-patch32": only("XCLIPModel", XCLIP, 196585729, True),
    "qwen2-0.5b": only("Qwen2ForCausalLM", QWEN2, 494032768, True),
    "qwen3-0.6b": only("Qwen3ForCausalLM", QWEN3, 596049920, True),
    "qwen2-vl-2b-instruct": only("Qwen2VLForConditionalGeneration", QWEN2_VL, 2208985600),
    "qwen3-vl-2b-instruct": only("Qwen3VLForConditionalGeneration", QWEN3_VL, 2127532032),
    "detr-resnet-50": only("DetrForObjectDetection", DETR, 41524768, True),
    "distilbert-base-uncased": only("DistilBertForMaskedLM", DISTILBERT, 66985530, DistilBertModel=66362880),
    "roberta-base": only("RobertaForMaskedLM", ROBERTA, 124697433, RobertaModel=124645632),
    "gpt2": only("GPT2LMHeadModel", GPT2, 124439808),
    "resnet-50": only("ResNetForImageClassification", RESNET, 25557032),
}
